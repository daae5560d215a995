/** Cuts a stream of chunks into pieces whose sizes are known one after the other. Keeps at most one incomplete piece. */
export class PieceReader {
  #chunk: Buffer = Buffer.alloc(0);
  #piece: Buffer | undefined;
  #pieceBytes = 0;

  /** Takes the next chunk, after all of the one before was taken out. */
  give(chunk: Uint8Array): void {
    this.#chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }

  /** Bytes that came and were not taken out. */
  get heldBytes(): number {
    return this.#pieceBytes + this.#chunk.length;
  }

  /** The next `size` bytes once they are there; ask for the same size again until then. A view, valid until the next `give`. */
  take(size: number): Buffer | undefined {
    if (this.#piece === undefined && this.#chunk.length >= size) return this.takeSome(size);
    this.#piece ??= Buffer.allocUnsafe(size);
    const part = this.takeSome(size - this.#pieceBytes);
    part.copy(this.#piece, this.#pieceBytes);
    this.#pieceBytes += part.length;
    if (this.#pieceBytes < size) return undefined;
    const piece = this.#piece;
    this.#piece = undefined;
    this.#pieceBytes = 0;
    return piece;
  }

  /** What there is of the next `maxBytes`, perhaps nothing. A view, valid until the next `give`. */
  takeSome(maxBytes: number): Buffer {
    const part = this.#chunk.subarray(0, maxBytes);
    this.#chunk = this.#chunk.subarray(part.length);
    return part;
  }
}
