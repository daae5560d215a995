import { constants } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import type { ArchiveRun } from "./archive-format.ts";
import { hostFileError } from "./host-file-error.ts";
import type { ArchiveEntry } from "./open-archive.ts";

const CREATE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Writes an entry of an archive to a new, sparse file that only its owner can read. That file is removed when the entry turns
 * out to be damaged. Damage elsewhere in the archive is known later: extract to a directory that can be thrown away.
 *
 * @throws {SmolVMError} `FILE_EXISTS`, `NO_SPACE`, `IO_ERROR`, and what reading the archive throws.
 */
export async function extractEntry(entry: ArchiveEntry, targetPath: string): Promise<void> {
  const file = await attempt(targetPath, () => open(targetPath, CREATE_FLAGS, 0o600));
  try {
    for await (const run of entry.runs()) await attempt(targetPath, () => writeRun(file, run));
    await attempt(targetPath, () => file.truncate(entry.sizeBytes));
    await attempt(targetPath, () => file.close());
  } catch (error) {
    await file.close().catch(() => {
      // It goes anyway, and there is another error already.
    });
    await rm(targetPath, { force: true });
    throw error;
  }
}

async function writeRun(file: FileHandle, { offset, bytes }: ArchiveRun): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += (await file.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
  }
}

async function attempt<Value>(path: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    throw hostFileError("writing", path, error);
  }
}
