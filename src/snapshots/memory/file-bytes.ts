import type { FileHandle } from "node:fs/promises";
import { HostError } from "../../errors/smolvm-error.ts";

/** Fills the bytes from this position of the file on; says whether the file was long enough. */
export async function readFully(file: FileHandle, bytes: Buffer, position: number): Promise<boolean> {
  for (let done = 0; done < bytes.length;) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return true;
}

/** Writes all of the bytes to this position of the file. */
export async function writeFully(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** Writes many bytes at once to this position of the file; says how many. */
export async function writeAll(file: FileHandle, batch: readonly Buffer[], position: number): Promise<number> {
  const { bytesWritten } = await file.writev(batch, position);
  const bytes = batch.reduce((sum, { length }) => sum + length, 0);
  // Short only where writing fails: what is left says why.
  if (bytesWritten < bytes)
    await writeFully(file, Buffer.concat(batch).subarray(bytesWritten), position + bytesWritten);
  return bytes;
}

/** The error for a file of ours that could not be made or read. What is no failure of the system stays as it is. */
export function fileFailure(path: string, cause: unknown): unknown {
  const { code, errno, message } = cause as NodeJS.ErrnoException;
  if (errno === undefined) return cause;
  return new HostError(code === "ENOSPC" || code === "EDQUOT" ? "NO_SPACE" : "IO_ERROR", `${path}: ${message}`, {
    cause,
    details: { path },
    ...(code === "ENOSPC" ? { hint: "Free space on the host, in the file system of this path." } : {}),
  });
}
