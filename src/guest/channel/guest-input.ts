import { SmolVMError } from "../../errors/smolvm-error.ts";
import type { FrameWriter, Resumable } from "./frame-writer.ts";
import { encodeDataFrame, encodeEmptyFrame } from "../protocol/frame-encoder.ts";
import { FrameType, MAX_CREDIT_BYTES, MAX_PAYLOAD_BYTES, Stream } from "../protocol/frame-types.ts";
import { protocolViolation } from "../protocol/protocol-violation.ts";
import { endOfDataPiece } from "../protocol/sync.ts";

/** Pieces smaller than this wait for more credit, so that a guest that gives it in crumbs does not get crumbs back. */
const MIN_PIECE_BYTES = 16_384;

interface PendingWrite {
  readonly bytes: Buffer;
  sentBytes: number;
  /** Called once: with true when all is sent, with false when the request is over first. */
  done: (isSent: boolean) => void;
}

/** The input of one request, as the stdin of a command: sends what is written as the guest's credit and the socket allow. */
export class GuestInput implements Resumable {
  readonly #writer: FrameWriter;
  readonly #pending: PendingWrite[] = [];
  readonly #ended: PromiseWithResolvers<boolean> = Promise.withResolvers();
  #id = 0;
  #creditBytes = 0;
  #minPieceBytes = 0;
  #state: "open" | "ending" | "ended" | "closed" = "open";

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  /**
   * Resolves when the bytes are on their way and their memory may be used again. Rejects with `INVALID_STATE` when the
   * input was ended before, or the command ends without having taken them.
   */
  write(bytes: Uint8Array | string): Promise<void> {
    if (this.#state === "ending" || this.#state === "ended") return handled(Promise.reject(writtenAfterEnd()));
    const buffer =
      typeof bytes === "string" ? Buffer.from(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    if (this.#state === "closed") resolve(false);
    else if (buffer.length === 0 && this.#pending.length === 0) resolve(true);
    else this.#pending.push({ bytes: buffer, sentBytes: 0, done: resolve });
    this.resume();
    return handled(this.#confirm(promise));
  }

  /**
   * Like `write`, but for a source that can be paused, and without a promise for each piece: returns true when the bytes are
   * sent, or dropped since the request is over. Else `onSent` follows once the source may go on.
   */
  offer(bytes: Buffer, onSent: () => void): boolean {
    if (this.#state !== "open" || bytes.length === 0) return true;
    const write: PendingWrite = { bytes, sentBytes: 0, done: () => {} };
    this.#pending.push(write);
    this.resume();
    if (write.sentBytes === bytes.length) return true;
    write.done = onSent;
    return false;
  }

  /** Ends the input behind what was written. Ending twice is ending once, and so is ending after the command's end. */
  end(): Promise<void> {
    if (this.#state === "open") this.#state = "ending";
    this.resume();
    return this.#ended.promise.then(() => {});
  }

  /** The request is sent; from now on its input may follow. */
  open(id: number, creditBytes: number): void {
    this.#id = id;
    this.#creditBytes = creditBytes;
    // Credit that was given once comes back: waiting for a quarter of it is not waiting for ever.
    this.#minPieceBytes = Math.max(1, Math.min(MIN_PIECE_BYTES, Math.floor(creditBytes / 4)));
    this.resume();
  }

  addCredit(bytes: number): void {
    if (this.#creditBytes + bytes > MAX_CREDIT_BYTES) throw protocolViolation("the guest gave too much credit");
    this.#creditBytes += bytes;
    this.resume();
  }

  /** The request is over: nothing more can be sent. */
  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#writer.forget(this);
    for (const write of this.#pending.splice(0)) write.done(false);
    this.#ended.resolve(false);
  }

  /** Sends what may be sent. */
  resume(): void {
    if (this.#id === 0 || this.#state === "closed") return;
    for (let write = this.#pending[0]; write !== undefined; write = this.#pending[0]) {
      if (!this.#sendFrom(write)) return;
      this.#pending.shift();
      write.done(true);
    }
    if (this.#state === "ending") {
      this.#state = "ended";
      this.#writer.send(encodeEmptyFrame(FrameType.END, this.#id));
      this.#ended.resolve(true);
    }
  }

  #sendFrom(write: PendingWrite): boolean {
    while (write.sentBytes < write.bytes.length) {
      const leftBytes = write.bytes.length - write.sentBytes;
      if (this.#creditBytes < Math.min(leftBytes, this.#minPieceBytes)) return false;
      if (!this.#writer.isWritable) {
        this.#writer.resumeWhenWritable(this);
        return false;
      }
      const end = endOfDataPiece(write.bytes, write.sentBytes, Math.min(this.#creditBytes, MAX_PAYLOAD_BYTES));
      const piece = write.bytes.subarray(write.sentBytes, end);
      this.#creditBytes -= piece.length;
      write.sentBytes = end;
      this.#writer.send(encodeDataFrame(this.#id, Stream.INPUT, piece));
    }
    return true;
  }

  async #confirm(done: Promise<boolean>): Promise<void> {
    if (await done) return;
    throw new SmolVMError("INVALID_STATE", "the command is over and takes no more input", {
      hint: "Await the command's result: it says how the command ended.",
    });
  }
}

/** Whoever does not await a write must not die of its rejection: the command's result tells what happened. */
function handled(promise: Promise<void>): Promise<void> {
  promise.catch(() => {});
  return promise;
}

function writtenAfterEnd(): SmolVMError {
  return new SmolVMError("INVALID_STATE", "stdin was written to after its end", {
    hint: "Write everything before `end()`.",
  });
}
