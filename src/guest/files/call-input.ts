import { SmolVMError } from "../../errors/smolvm-error.ts";
import type { GuestCall } from "../channel/guest-call.ts";
import type { RequestResult } from "../channel/request-result.ts";

/** The input of a call that must take all of it: when the call ends first, its own error says why. */
export class CallInput {
  readonly #call: GuestCall;
  readonly #what: string;
  #sentBytes = 0;
  #earlyEnd: Promise<never> | undefined;

  constructor(call: GuestCall, what: string) {
    this.#call = call;
    this.#what = what;
  }

  /** Bytes that the call has taken. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** Resolves when the bytes are on their way and their memory may be used again. */
  async write(bytes: Uint8Array): Promise<void> {
    try {
      await this.#call.input.write(bytes);
    } catch (error) {
      await this.#throwEarlyEnd(error);
    }
    this.#sentBytes += bytes.byteLength;
  }

  /** Ends the input, and waits for the guest to say that all is done. */
  async end(): Promise<RequestResult> {
    const ended = this.#call.input.end();
    const result = await this.#call.wait();
    await ended;
    return result;
  }

  /** Rejects when the call ends, for whoever may wait long for what to write. Handled already: nobody has to look at it. */
  get earlyEnd(): Promise<never> {
    this.#earlyEnd ??= handled(this.#throwEarlyEnd(undefined));
    return this.#earlyEnd;
  }

  async #throwEarlyEnd(cause: unknown): Promise<never> {
    await this.#call.wait();
    throw new SmolVMError("PROTOCOL_ERROR", `the guest ended ${this.#what} before it had everything`, { cause });
  }
}

function handled(promise: Promise<never>): Promise<never> {
  promise.catch(() => {});
  return promise;
}
