const BATCH_BYTES = 262_144;

/**
 * The same bytes in larger pieces, which stay valid. Each piece that zlib gets is a task for another thread, and that
 * costs more than to compress a page.
 */
export async function* inBatches(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let batch = Buffer.allocUnsafe(BATCH_BYTES);
  let usedBytes = 0;
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const copied = piece.copy(batch, usedBytes, at);
      at += copied;
      usedBytes += copied;
      if (usedBytes === BATCH_BYTES) {
        yield batch;
        batch = Buffer.allocUnsafe(BATCH_BYTES);
        usedBytes = 0;
      }
    }
  }
  if (usedBytes > 0) yield batch.subarray(0, usedBytes);
}
