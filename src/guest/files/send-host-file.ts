import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, open, readFile } from "node:fs/promises";
import type { HostPath } from "./host-path.ts";
import type { TreeEntry } from "./tree-entry.ts";
import type { TreeWriter } from "./tree-writer.ts";

/** What a file is read with at once. */
const BLOCK_BYTES = 262_144;
/** Holes are found in units of this size, a page of most filesystems. */
const HOLE_BYTES = 4_096;
const ZEROS = Buffer.alloc(HOLE_BYTES);

/** Opens no link, and does not wait where somebody has put a pipe in the file's place. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Reads a small file at once. */
export async function readSmallHostFile(path: HostPath): Promise<Buffer> {
  return await readFile(path, { flag: READ_FLAGS });
}

/** What a tree says of a file of this machine. Its owner is nobody in the guest. */
export function treeEntryOf(
  type: TreeEntry["type"],
  name: Buffer | undefined,
  stats: BigIntStats,
  target?: Buffer,
): TreeEntry {
  const mode = Number(stats.mode) & 0o7777;
  return { name, type, mode, uid: 0, gid: 0, mtimeNs: stats.mtimeNs, ...(target === undefined ? {} : { target }) };
}

/** Whether parts of the file are not on the disk. */
export function isSparse(stats: BigIntStats): boolean {
  return stats.blocks * 512n < stats.size;
}

/**
 * Sends a file as it is now: what is added while it is read is not followed. The root of a tree may be a link to it.
 *
 * @param onBytes - called with the number of bytes that are sent.
 */
export async function sendHostFile(
  path: HostPath,
  entry: TreeEntry,
  tree: TreeWriter,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const file = await open(path, entry.name === undefined ? READ_FLAGS & ~constants.O_NOFOLLOW : READ_FLAGS);
  try {
    await tree.entry(entry);
    const stats = await file.stat({ bigint: true });
    const size = await sendContent(file, stats, tree, onBytes);
    await tree.fileEnd(size);
  } finally {
    await file.close();
  }
}

/** Returns where the file ended. */
async function sendContent(
  file: FileHandle,
  stats: BigIntStats,
  tree: TreeWriter,
  onBytes: (bytes: number) => void,
): Promise<number> {
  const buffer = Buffer.allocUnsafe(BLOCK_BYTES);
  // Files of /proc and the like say that they are empty.
  const endAt = stats.size === 0n ? Infinity : Number(stats.size);
  const skipsHoles = isSparse(stats);
  let position = 0;
  while (position < endAt) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(BLOCK_BYTES, endAt - position), position);
    if (bytesRead === 0) break;
    const block = buffer.subarray(0, bytesRead);
    for (const [start, end] of skipsHoles ? dataRanges(block) : [[0, bytesRead] as const]) {
      await tree.content(position + start, block.subarray(start, end));
      onBytes(end - start);
    }
    position += bytesRead;
  }
  return position;
}

/** Where the block holds more than zeros. Node cannot ask for the holes of a file: blocks of zeros are taken for holes. */
export function* dataRanges(block: Buffer): Generator<readonly [start: number, end: number], void, undefined> {
  let start = -1;
  for (let at = 0; at < block.length; at += HOLE_BYTES) {
    const unit = block.subarray(at, at + HOLE_BYTES);
    const isHole = unit.equals(ZEROS.subarray(0, unit.length));
    if (!isHole && start === -1) start = at;
    if (isHole && start !== -1) {
      yield [start, at];
      start = -1;
    }
  }
  if (start !== -1) yield [start, block.length];
}
