import { createHash } from "node:crypto";
import { createReadStream, type Stats, statSync } from "node:fs";
import { pipeline } from "node:stream/promises";

/** A file as it was when it was finished: whoever writes to it afterwards changes its time, whoever replaces it its inode. */
export interface FileStamp {
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  readonly inode: number;
}

/** The stamp of a file as it is now. */
export function stampOf(path: string): FileStamp {
  return toStamp(statSync(path));
}

/** What is wrong with a file that should be as it was: undefined where it is. */
export function problemOf(path: string, stamp: FileStamp): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return "is missing";
  const now = toStamp(stats);
  if (now.sizeBytes !== stamp.sizeBytes) return `has ${now.sizeBytes} bytes instead of ${stamp.sizeBytes}`;
  return now.mtimeMs === stamp.mtimeMs && now.inode === stamp.inode ? undefined : "was written to or replaced";
}

/** The SHA-256 of a file's content, in hexadecimal. */
export async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest("hex");
}

function toStamp({ size, mtimeMs, ino }: Stats): FileStamp {
  return { sizeBytes: size, mtimeMs, inode: ino };
}
