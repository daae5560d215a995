import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const TAIL_BYTES = 4 * 1024;

/** The last 4 KiB of a text file as printable text, or "" when there is none. What a guest prints is not trusted. */
export function readTail(path: string, fromByte: number = 0): string {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return ""; // it was never written
  }
  try {
    const { size } = fstatSync(file);
    const start = Math.max(fromByte, size - TAIL_BYTES, 0);
    const bytes = Buffer.alloc(Math.max(0, size - start));
    readSync(file, bytes, 0, bytes.length, start);
    // Control characters could move the cursor or change colours of the terminal that shows them.
    return bytes
      .toString("utf8")
      .replaceAll(/[^\P{Cc}\n\t]/gu, "")
      .trim();
  } finally {
    closeSync(file);
  }
}
