import { open } from "node:fs/promises";

/** What the superblock of an ext2, ext3 or ext4 filesystem says. */
export interface Ext4Superblock {
  readonly sizeBytes: number;
  readonly blockSizeBytes: number;
  readonly freeBytes: number;
  /** In the usual form with dashes. */
  readonly uuid: string;
}

const SUPERBLOCK_OFFSET = 1024;
const SUPERBLOCK_BYTES = 1024;
const MAGIC = 0xef53;
const INCOMPAT_64BIT = 0x80;

/**
 * Reads the superblock of a file that holds an ext2/3/4 filesystem without a partition table; undefined when it holds
 * something else.
 *
 * Format: Linux, Documentation/filesystems/ext4/globals.rst (Super Block).
 *
 * @throws the file system's error when the file cannot be read.
 */
export async function readExt4Superblock(path: string): Promise<Ext4Superblock | undefined> {
  await using file = await open(path, "r");
  const { buffer, bytesRead } = await file.read(Buffer.alloc(SUPERBLOCK_BYTES), 0, SUPERBLOCK_BYTES, SUPERBLOCK_OFFSET);
  if (bytesRead < SUPERBLOCK_BYTES || buffer.readUInt16LE(56) !== MAGIC) return undefined;
  const blockSizeBytes = 1024 * 2 ** buffer.readUInt32LE(24);
  // Volumes beyond 2^32 blocks keep the upper halves elsewhere.
  const is64Bit = (buffer.readUInt32LE(96) & INCOMPAT_64BIT) !== 0;
  const blocks = (low: number, high: number): number =>
    buffer.readUInt32LE(low) + (is64Bit ? buffer.readUInt32LE(high) * 2 ** 32 : 0);
  return {
    blockSizeBytes,
    sizeBytes: blocks(0x04, 0x150) * blockSizeBytes,
    freeBytes: blocks(0x0c, 0x158) * blockSizeBytes,
    uuid: buffer.toString("hex", 104, 120).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
  };
}
