import { statfs } from "node:fs/promises";
import { HostError } from "../errors/smolvm-error.ts";

const MIB = 1_048_576;

/** What is asked of a filesystem; tests put other filesystems here. */
export interface FreeSpace {
  /** Blocks that this user may fill: some filesystems keep a part for root. */
  readonly bavail: number;
  /** In bytes. */
  readonly bsize: number;
}

/**
 * Checks that something may be written before it is begun. What others write in the meantime is not foreseen: the writing must
 * cope with a full disk all the same.
 *
 * @param directory - one that exists, on the filesystem in question.
 * @throws {HostError} `NO_SPACE` with `neededBytes` and `freeBytes` in its details; `IO_ERROR` when nothing can be found out.
 */
export async function assertRoom(
  directory: string,
  neededBytes: number,
  ask: (path: string) => Promise<FreeSpace> = (path) => statfs(path),
): Promise<void> {
  const freeBytes = await readFreeBytes(directory, ask);
  if (freeBytes >= neededBytes) return;
  throw new HostError(
    "NO_SPACE",
    `${Math.ceil(neededBytes / MIB)} MiB are needed in ${directory}, and ${Math.floor(freeBytes / MIB)} MiB are free`,
    {
      details: { directory, neededBytes, freeBytes },
      hint: "Remove files from the file system of that directory, or choose a directory on another one.",
    },
  );
}

async function readFreeBytes(directory: string, ask: (path: string) => Promise<FreeSpace>): Promise<number> {
  try {
    const { bavail, bsize } = await ask(directory);
    return bavail * bsize;
  } catch (cause) {
    throw new HostError("IO_ERROR", `the free space of ${directory} cannot be read: ${(cause as Error).message}`, {
      cause,
      details: { directory },
    });
  }
}
