import { type FileHandle, open } from "node:fs/promises";
import { HostError } from "../../errors/smolvm-error.ts";
import type { ArchiveRun } from "./archive-format.ts";
import { hostFileError } from "./host-file-error.ts";

/** What a file is read with at once. */
const BLOCK_BYTES = 262_144;

/**
 * The first `sizeBytes` of a file, in blocks. Each is valid until the next is asked for.
 *
 * @throws {HostError} `IO_ERROR` also for a file that is shorter.
 */
export async function* fileRuns(path: string, sizeBytes: number): AsyncGenerator<ArchiveRun, void, undefined> {
  await using file = await openToRead(path);
  const block = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, sizeBytes));
  for (let offset = 0; offset < sizeBytes;) {
    const bytesRead = await read(file, path, block.subarray(0, sizeBytes - offset), offset);
    if (bytesRead === 0) {
      throw new HostError("IO_ERROR", `${path} ends at ${offset} of ${sizeBytes} bytes: it changed while it was read`, {
        details: { path },
      });
    }
    yield { offset, bytes: block.subarray(0, bytesRead) };
    offset += bytesRead;
  }
}

async function openToRead(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    throw hostFileError("reading", path, error);
  }
}

async function read(file: FileHandle, path: string, target: Buffer, position: number): Promise<number> {
  try {
    return (await file.read(target, 0, target.length, position)).bytesRead;
  } catch (error) {
    throw hostFileError("reading", path, error);
  }
}
