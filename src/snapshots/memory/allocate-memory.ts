import { constants, type Stats } from "node:fs";
import { chmod, copyFile, open, rm, stat, statfs } from "node:fs/promises";
import { fileFailure } from "./file-bytes.ts";

/** statfs(2): `f_type` of file systems that can share data between files: btrfs, XFS, bcachefs, OCFS2. */
const SHARING_FILE_SYSTEMS: readonly number[] = [0x9123683e, 0x58465342, 0xca451a4e, 0x7461636f];

/** A flat file that is there, and still has to be filled. */
export interface AllocatedMemory {
  readonly path: string;
  readonly sizeBytes: number;
  /** The base is in it already: it shares its data in the file system. Otherwise it is a hole all over. */
  readonly isClone: boolean;
}

/**
 * Makes the file that `composeMemory` then fills, with mode 0600. A VMM may map it in between, as long as it does not touch it.
 *
 * @throws {SmolVMError} `IO_ERROR` when it cannot be made, or exists.
 */
export async function allocateMemory(path: string, sizeBytes: number, basePath?: string): Promise<AllocatedMemory> {
  if (basePath !== undefined && (await clone(basePath, path, sizeBytes))) return { path, sizeBytes, isClone: true };
  try {
    await using file = await open(path, "wx", 0o600);
    await file.truncate(sizeBytes);
    return { path, sizeBytes, isClone: false };
  } catch (cause) {
    throw fileFailure(path, cause);
  }
}

async function clone(basePath: string, path: string, sizeBytes: number): Promise<boolean> {
  try {
    const base: Stats = await stat(basePath);
    const { type } = await statfs(basePath);
    if (base.size !== sizeBytes || !SHARING_FILE_SYSTEMS.includes(type)) return false;
    await copyFile(basePath, path, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
  } catch {
    return false; // the file system cannot do it after all: the base is copied
  }
  try {
    await chmod(path, 0o600);
    return true;
  } catch (cause) {
    await rm(path, { force: true });
    throw fileFailure(path, cause);
  }
}
