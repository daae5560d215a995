import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { type HostPath, hostFileError, joinHostPath } from "./host-path.ts";
import type { TreeEntry } from "./tree-entry.ts";

const CREATE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** What a guest may say of permissions: it makes no program that runs with the rights of its owner. */
export const PERMISSION_MASK = 0o777;

/** A part of a file's content. */
export interface Extent {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Writes one file beside its place, and puts it there when it is complete. What it replaces may be a link; that is not followed. */
export class HostFileWriter {
  readonly #path: HostPath;
  readonly #temporary: HostPath;
  readonly #file: FileHandle;
  #endAt = 0;

  private constructor(path: HostPath, temporary: HostPath, file: FileHandle) {
    this.#path = path;
    this.#temporary = temporary;
    this.#file = file;
  }

  static async open(path: HostPath): Promise<HostFileWriter> {
    const temporary = temporaryPathBeside(path);
    try {
      return new HostFileWriter(path, temporary, await open(temporary, CREATE_FLAGS, 0o600));
    } catch (error) {
      throw hostFileError("writing", path, error);
    }
  }

  async write({ offset, bytes }: Extent): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) {
        const { bytesWritten } = await this.#file.write(bytes, at, bytes.length - at, offset + at);
        at += bytesWritten;
      }
    } catch (error) {
      throw hostFileError("writing", this.#path, error);
    }
    this.#endAt = offset + bytes.length;
  }

  /** Puts the file into its place. */
  async finish(size: number, { mode, mtimeNs }: TreeEntry): Promise<void> {
    try {
      if (size > this.#endAt) await this.#file.truncate(size);
      await this.#file.utimes(...timesOf(mtimeNs));
      await this.#file.chmod(mode & PERMISSION_MASK);
      await this.#file.close();
      await rename(this.#temporary, this.#path);
    } catch (error) {
      throw hostFileError("writing", this.#path, error);
    }
  }

  /** Removes what there is, unless the file is in its place. */
  async abandon(): Promise<void> {
    await this.#file.close().catch(() => {
      // It is closed already.
    });
    await rm(this.#temporary, { force: true });
  }
}

/** Writes a file whose content is in memory. */
export async function writeHostFile(
  path: HostPath,
  entry: TreeEntry,
  extents: readonly Extent[],
  size: number,
): Promise<void> {
  const writer = await HostFileWriter.open(path);
  try {
    for (const extent of extents) await writer.write(extent);
    await writer.finish(size, entry);
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

/** A path in the same directory that nothing has. Its name is short, as the file's own may be as long as names can be. */
export function temporaryPathBeside(path: HostPath): HostPath {
  const directory = Buffer.from(dirname(path.toString("latin1")), "latin1");
  return joinHostPath(directory, Buffer.from(`.smolvm-${randomBytes(8).toString("hex")}`));
}

/** Times for `utimes`: as precise as its floating point is, except before 1970, which it takes as a Date alone. */
export function timesOf(mtimeNs: bigint): [accessed: Date, modified: Date | number] {
  if (mtimeNs < 0n) return [new Date(), new Date(Number(mtimeNs / 1_000_000n))];
  return [new Date(), Number(mtimeNs / 1_000_000_000n) + Number(mtimeNs % 1_000_000_000n) / 1e9];
}
