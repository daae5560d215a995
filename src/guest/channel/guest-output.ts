import { SmolVMError } from "../../errors/smolvm-error.ts";

/** Small pieces that wait together are put into blocks of this size: a flood of one-byte frames costs no more memory. */
const BLOCK_BYTES = 16_384;

interface Block {
  readonly memory: Uint8Array;
  usedBytes: number;
  /** Whether the guest has got its credit back already. */
  readonly isReleased: boolean;
}

/** What happens to an output that nobody has begun to read. */
interface Unread {
  readonly maxBytes: number;
  readonly onDropped: (bytes: number) => void;
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
  #unread: Unread | undefined;
  #unreadBytes = 0;

  /** @param release - called with the number of bytes that a reader has taken. */
  constructor(release: (bytes: number) => void) {
    this.#release = release;
  }

  /** Reads and drops everything from now on. */
  discard(): void {
    this.#isDiscarded = true;
    const heldBytes = this.#blocks.splice(0).reduce((sum, block) => sum + owedBytes(block), 0);
    if (heldBytes > 0) this.#release(heldBytes);
    this.#wake();
  }

  /**
   * Until somebody reads, keeps about the last `maxBytes` and drops what is older: whoever writes does not wait for a reader
   * that may never come.
   */
  keepLastUntilRead(maxBytes: number, onDropped: (bytes: number) => void): void {
    this.#unread = { maxBytes, onDropped };
  }

  /** Ends early where the command's channel breaks or the command is cancelled: then the iteration throws. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#isRead) throw alreadyRead();
    this.#isRead = true;
    this.#unread = undefined;
    try {
      for (;;) {
        const block = this.#blocks.shift();
        if (block !== undefined) {
          this.#release(owedBytes(block));
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
    const isReleased = this.#unread !== undefined;
    const last = this.#blocks.at(-1);
    if (last?.isReleased === isReleased && last.memory.length - last.usedBytes >= bytes.length) {
      last.memory.set(bytes, last.usedBytes);
      last.usedBytes += bytes.length;
    } else if (last === undefined || bytes.length >= BLOCK_BYTES) {
      // A reader that keeps up gets each piece as it came, in memory of exactly its size.
      this.#blocks.push({ memory: new Uint8Array(bytes), usedBytes: bytes.length, isReleased });
    } else {
      const memory = new Uint8Array(BLOCK_BYTES);
      memory.set(bytes);
      this.#blocks.push({ memory, usedBytes: bytes.length, isReleased });
    }
    if (this.#unread !== undefined) this.#dropOldest(this.#unread, bytes.length);
    this.#wake();
    return isReleased ? bytes.length : 0;
  }

  /** @internal Nothing more will come; `failure` makes the error of an end that is not the command's own. */
  end(failure?: () => unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#failure = failure;
    this.#wake();
  }

  #dropOldest(unread: Unread, addedBytes: number): void {
    this.#unreadBytes += addedBytes;
    while (this.#unreadBytes > unread.maxBytes) {
      const oldestBytes = this.#blocks.shift()?.usedBytes ?? this.#unreadBytes;
      this.#unreadBytes -= oldestBytes;
      unread.onDropped(oldestBytes);
    }
  }

  #wake(): void {
    this.#waiter?.();
    this.#waiter = undefined;
  }
}

function owedBytes(block: Block): number {
  return block.isReleased ? 0 : block.usedBytes;
}

function alreadyRead(): SmolVMError {
  return new SmolVMError("INVALID_STATE", "an output can be read once, and this one is being read already", {
    hint: "Read it in one place, and pass on from there.",
  });
}
