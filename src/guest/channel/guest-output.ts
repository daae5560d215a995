import { SmolVMError } from "../../errors/smolvm-error.ts";

/** Small pieces that wait together are put into blocks of this size: a flood of one-byte frames costs no more memory. */
const BLOCK_BYTES = 16_384;

interface Block {
  readonly memory: Uint8Array;
  usedBytes: number;
}

/**
 * One output of a command, read by iteration. What is not read holds the command back once its window is full, like a
 * pipe: read both outputs, or `discard()` the one that does not matter. Leaving an iteration early discards the rest.
 */
export class GuestOutput implements AsyncIterable<Uint8Array> {
  readonly #release: (bytes: number) => void;
  readonly #blocks: Block[] = [];
  #waiter: (() => void) | undefined;
  #isRead = false;
  #isDiscarded = false;
  #isEnded = false;
  #failure: (() => unknown) | undefined;

  /** @param release - called with the number of bytes that a reader has taken. */
  constructor(release: (bytes: number) => void) {
    this.#release = release;
  }

  /** Reads and drops everything from now on. */
  discard(): void {
    this.#isDiscarded = true;
    const heldBytes = this.#blocks.splice(0).reduce((sum, block) => sum + block.usedBytes, 0);
    if (heldBytes > 0) this.#release(heldBytes);
    this.#wake();
  }

  /** Ends early where the command's channel breaks or the command is cancelled: then the iteration throws. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#isRead) throw alreadyRead();
    this.#isRead = true;
    try {
      for (;;) {
        const block = this.#blocks.shift();
        if (block !== undefined) {
          this.#release(block.usedBytes);
          yield block.memory.subarray(0, block.usedBytes);
        } else if (this.#isEnded || this.#isDiscarded) {
          if (this.#failure !== undefined) throw this.#failure();
          return;
        } else {
          await new Promise<void>((resolve) => (this.#waiter = resolve));
        }
      }
    } finally {
      this.discard();
    }
  }

  /** @internal Takes bytes that are valid during the call; returns how many are consumed at once. */
  receive(bytes: Uint8Array): number {
    if (this.#isDiscarded) return bytes.length;
    const last = this.#blocks.at(-1);
    if (last !== undefined && last.memory.length - last.usedBytes >= bytes.length) {
      last.memory.set(bytes, last.usedBytes);
      last.usedBytes += bytes.length;
    } else if (last === undefined || bytes.length >= BLOCK_BYTES) {
      // A reader that keeps up gets each piece as it came, in memory of exactly its size.
      this.#blocks.push({ memory: new Uint8Array(bytes), usedBytes: bytes.length });
    } else {
      const memory = new Uint8Array(BLOCK_BYTES);
      memory.set(bytes);
      this.#blocks.push({ memory, usedBytes: bytes.length });
    }
    this.#wake();
    return 0;
  }

  /** @internal Nothing more will come; `failure` makes the error of an end that is not the command's own. */
  end(failure?: () => unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#failure = failure;
    this.#wake();
  }

  #wake(): void {
    this.#waiter?.();
    this.#waiter = undefined;
  }
}

function alreadyRead(): SmolVMError {
  return new SmolVMError("INVALID_STATE", "an output can be read once, and this one is being read already", {
    hint: "Read it in one place, and pass on from there.",
  });
}
