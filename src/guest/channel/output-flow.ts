import { protocolViolation } from "../protocol/protocol-violation.ts";

/**
 * The host's books on one output stream: what the guest may still send, and what it is owed. Credit is granted in
 * batches of half a window, so that a command with little output costs no CREDIT frame at all.
 */
export class OutputFlow {
  readonly #batchBytes: number;
  #creditBytes: number;
  #owedBytes = 0;
  #isEnded = false;

  constructor(windowBytes: number) {
    this.#creditBytes = windowBytes;
    this.#batchBytes = Math.max(1, Math.floor(windowBytes / 2));
  }

  /** Books bytes that came. More than the credit, or behind the end, is a protocol violation. */
  receive(bytes: number): void {
    if (this.#isEnded) throw protocolViolation("the guest sent output behind its end");
    if (bytes > this.#creditBytes) throw protocolViolation("the guest sent more output than its credit allows");
    this.#creditBytes -= bytes;
  }

  /** Books the end of the stream, which comes once. */
  end(): void {
    if (this.#isEnded) throw protocolViolation("the guest ended an output twice");
    this.#isEnded = true;
  }

  /** Books bytes that the consumer has taken; says whether a CREDIT is due. */
  release(bytes: number): boolean {
    this.#owedBytes += bytes;
    return this.isCreditDue;
  }

  get isCreditDue(): boolean {
    return this.#owedBytes >= this.#batchBytes && !this.#isEnded;
  }

  /** The credit to send now, which counts as sent. */
  takeCredit(): number {
    const bytes = this.#owedBytes;
    this.#owedBytes = 0;
    this.#creditBytes += bytes;
    return bytes;
  }
}
