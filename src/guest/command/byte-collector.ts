import { StringDecoder } from "node:string_decoder";

/** Later blocks are twice as large as what is held, up to this. */
const MAX_BLOCK_BYTES = 4_194_304;

/**
 * Keeps a copy of all bytes it is given. Grows in blocks, so that nothing is copied twice and a flood of small pieces
 * makes no flood of small objects.
 */
export class ByteCollector {
  #full: Uint8Array[] = [];
  #block: Uint8Array = new Uint8Array(0);
  #usedBytes = 0;
  #sizeBytes = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  push(bytes: Uint8Array): void {
    const fitting = Math.min(bytes.length, this.#block.length - this.#usedBytes);
    if (fitting > 0) {
      this.#block.set(fitting === bytes.length ? bytes : bytes.subarray(0, fitting), this.#usedBytes);
      this.#usedBytes += fitting;
    }
    if (fitting < bytes.length) this.#grow(fitting === 0 ? bytes : bytes.subarray(fitting));
    this.#sizeBytes += bytes.length;
  }

  /** All bytes in one piece. */
  bytes(): Uint8Array {
    const [first] = this.#blocks();
    if (first === undefined) return new Uint8Array(0);
    if (first.length === this.#sizeBytes) return first;
    const all = uninitialized(this.#sizeBytes);
    let at = 0;
    for (const block of this.#blocks()) {
      all.set(block, at);
      at += block.length;
    }
    this.#full = [];
    this.#block = all;
    this.#usedBytes = all.length;
    return all;
  }

  /** All bytes as UTF-8. Keeps a byte order mark, which `TextDecoder` would swallow. */
  text(): string {
    const blocks = this.#blocks().map((block) => Buffer.from(block.buffer, block.byteOffset, block.byteLength));
    if (blocks.length <= 1) return blocks[0]?.toString("utf8") ?? "";
    const decoder = new StringDecoder("utf8");
    let text = "";
    for (const block of blocks) text += decoder.write(block);
    return text + decoder.end();
  }

  #blocks(): Uint8Array[] {
    return this.#usedBytes === 0 ? this.#full : [...this.#full, this.#block.subarray(0, this.#usedBytes)];
  }

  #grow(bytes: Uint8Array): void {
    if (this.#usedBytes > 0) this.#full.push(this.#block.subarray(0, this.#usedBytes));
    // The first block has exactly the size of its bytes: most commands write once.
    const roomBytes = Math.min(this.#sizeBytes * 2, MAX_BLOCK_BYTES);
    this.#block = uninitialized(Math.max(roomBytes, bytes.length));
    this.#block.set(bytes);
    this.#usedBytes = bytes.length;
  }
}

/** Memory of its own, not part of a pool: a result may be kept for long. Not cleared, as it is filled at once. */
function uninitialized(sizeBytes: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(sizeBytes).buffer);
}
