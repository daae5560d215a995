import { archiveCorrupt } from "./archive-corrupt.ts";

/** Takes bytes out of chunks, however these are cut. What is taken stays valid as long as the chunks do. */
export class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** At least one byte of the next `maxBytes`; none at the end. */
  async takeSome(maxBytes: number = Infinity): Promise<Buffer> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) break;
      this.#rest = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
    const part = this.#rest.subarray(0, maxBytes);
    this.#rest = this.#rest.subarray(part.length);
    return part;
  }

  /** The next `sizeBytes`, or fewer at the end. */
  async takeUpTo(sizeBytes: number): Promise<Buffer> {
    const first = await this.takeSome(sizeBytes);
    if (first.length === sizeBytes) return first;
    const taken = Buffer.allocUnsafe(sizeBytes);
    let takenBytes = first.copy(taken);
    for (let part = first; part.length > 0 && takenBytes < sizeBytes;) {
      part = await this.takeSome(sizeBytes - takenBytes);
      takenBytes += part.copy(taken, takenBytes);
    }
    return taken.subarray(0, takenBytes);
  }

  /** The next `sizeBytes`. @throws {SmolVMError} `SNAPSHOT_CORRUPT` when there are fewer. */
  async take(sizeBytes: number): Promise<Buffer> {
    const taken = await this.takeUpTo(sizeBytes);
    if (taken.length < sizeBytes) throw archiveCorrupt("it ends too early");
    return taken;
  }
}
