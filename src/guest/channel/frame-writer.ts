import type { Socket } from "node:net";

/** Batches up to this size are copied together for one write; larger ones go out as a list (writev). */
const MAX_COPIED_BATCH_BYTES = 65_536;
/** With more than this waiting for the next write, senders of DATA and CREDIT hold back. */
const HIGH_WATER_BYTES = 262_144;

/** Somebody who has more to send once the socket takes it. */
export interface Resumable {
  resume(): void;
}

/**
 * Sends frames. All frames of one turn of the program leave in one write: a request with its first input costs one
 * system call, and so do a hundred requests made at once.
 */
export class FrameWriter {
  readonly #socket: Socket;
  readonly #waiting = new Set<Resumable>();
  #batch: Buffer[] = [];
  #batchBytes = 0;
  #isScheduled = false;
  #isBlocked = false;
  #isClosed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("drain", () => {
      this.#isBlocked = false;
      this.#resumeAll();
    });
  }

  /** False while the guest does not take what was sent; then DATA and CREDIT wait, see `resumeWhenWritable`. */
  get isWritable(): boolean {
    return !this.#isBlocked && this.#batchBytes < HIGH_WATER_BYTES;
  }

  /** Sends the frame soon, behind all frames before it. */
  send(frame: Buffer): void {
    if (this.#isClosed) return;
    this.#batch.push(frame);
    this.#batchBytes += frame.length;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#flush());
  }

  /** Calls `resume` once when `isWritable` is true again; asking twice is asking once. */
  resumeWhenWritable(sender: Resumable): void {
    this.#waiting.add(sender);
  }

  /** Takes back `resumeWhenWritable`. */
  forget(sender: Resumable): void {
    this.#waiting.delete(sender);
  }

  /** Drops what waits, and everything sent from now on. */
  close(): void {
    this.#isClosed = true;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#waiting.clear();
  }

  #flush(): void {
    this.#isScheduled = false;
    if (this.#isClosed) return;
    const batch = this.#batch;
    const batchBytes = this.#batchBytes;
    this.#batch = [];
    this.#batchBytes = 0;
    if (batch.length === 1) {
      this.#isBlocked = !this.#socket.write(batch[0]!);
    } else if (batchBytes <= MAX_COPIED_BATCH_BYTES) {
      this.#isBlocked = !this.#socket.write(Buffer.concat(batch, batchBytes));
    } else {
      this.#socket.cork();
      for (const frame of batch) this.#isBlocked = !this.#socket.write(frame);
      this.#socket.uncork();
      // A list that the kernel took at once leaves nothing to wait for.
      this.#isBlocked = this.#socket.writableNeedDrain;
    }
    if (!this.#isBlocked) this.#resumeAll();
  }

  #resumeAll(): void {
    if (this.#waiting.size === 0) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const sender of waiting) sender.resume();
  }
}
