/** Memory is looked at in pages of this size. A host whose own pages are larger is not supported. */
export const PAGE_BYTES = 4096;

/** Memory is moved in pieces of at most so many pages (1 MiB): large enough for speed, small enough to be held a few times. */
export const WINDOW_PAGES = 256;
export const WINDOW_BYTES: number = WINDOW_PAGES * PAGE_BYTES;

const ZEROS = Buffer.alloc(WINDOW_BYTES);

/** Whether the bytes, at most a window of them, are all zero. */
export function isZero(bytes: Buffer): boolean {
  // Most pages that hold something say so in their first byte; to compare costs more.
  return bytes[0] === 0 && bytes.equals(ZEROS.subarray(0, bytes.length));
}

/** A page of the bytes, counted from their start. */
export function pageAt(bytes: Buffer, index: number): Buffer {
  return bytes.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES);
}
