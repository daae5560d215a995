import { HOLE_BYTES } from "./archive-format.ts";

const ZEROS = Buffer.alloc(HOLE_BYTES);

/**
 * Where the bytes hold more than zeros, as positions in them. Node cannot ask for the holes of a file, and pages of memory
 * have none: whole units of zeros are taken for holes.
 *
 * @param offset - of the bytes in their file: units are counted from its start, as filesystems do.
 */
export function* dataRanges(
  bytes: Buffer,
  offset: number,
): Generator<readonly [start: number, end: number], void, undefined> {
  let start = -1;
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + HOLE_BYTES - ((offset + at) % HOLE_BYTES));
    const isHole = bytes.compare(ZEROS, 0, end - at, at, end) === 0;
    if (!isHole && start === -1) start = at;
    if (isHole && start !== -1) {
      yield [start, at];
      start = -1;
    }
    at = end;
  }
  if (start !== -1) yield [start, bytes.length];
}
