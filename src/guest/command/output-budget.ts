import { ByteCollector } from "./byte-collector.ts";

/** Keeps a command's output, both streams together up to a limit. */
export class OutputBudget {
  readonly stdout: ByteCollector = new ByteCollector();
  readonly stderr: ByteCollector = new ByteCollector();
  readonly #maxBytes: number;
  readonly #onExceeded: () => void;
  #isExceeded = false;
  #isTruncated = false;

  constructor(maxBytes: number, onExceeded: () => void) {
    this.#maxBytes = maxBytes;
    this.#onExceeded = onExceeded;
  }

  /** Whether output that nobody else has seen went over the limit. */
  get isExceeded(): boolean {
    return this.#isExceeded;
  }

  /** Whether output is missing here that went to a callback. */
  get isTruncated(): boolean {
    return this.#isTruncated;
  }

  /** A consumer of one stream, whose bytes may be valid during the call only; `callback` gets copies. */
  collect(
    stream: "stdout" | "stderr",
    callback: ((bytes: Uint8Array) => void) | undefined,
  ): (bytes: Uint8Array) => void {
    const collector = this[stream];
    return (bytes) => {
      const roomBytes = this.#maxBytes - this.stdout.sizeBytes - this.stderr.sizeBytes;
      if (bytes.length <= roomBytes) collector.push(bytes);
      else this.#overflow(collector, bytes.subarray(0, Math.max(0, roomBytes)), callback !== undefined);
      callback?.(new Uint8Array(bytes));
    };
  }

  #overflow(collector: ByteCollector, fitting: Uint8Array, isSeen: boolean): void {
    if (fitting.length > 0) collector.push(fitting);
    if (isSeen) {
      this.#isTruncated = true;
      return;
    }
    this.#isExceeded = true;
    this.#onExceeded();
  }
}
