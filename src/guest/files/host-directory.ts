import type { Stats } from "node:fs";
import { chmod, lstat, mkdir, utimes } from "node:fs/promises";
import { HostError } from "../../errors/smolvm-error.ts";
import { PERMISSION_MASK, timesOf } from "./host-file-writer.ts";
import { hasErrno, type HostPath, hostFileError, showHostPath } from "./host-path.ts";
import type { TreeEntry } from "./tree-entry.ts";

/** Makes a directory, or takes one that is there and no link; returns whether it is new. */
export async function makeHostDirectory(path: HostPath): Promise<boolean> {
  try {
    await mkdir(path, 0o700);
    return true;
  } catch (error) {
    if (!hasErrno(error, "EEXIST")) throw hostFileError("making the directory", path, error);
  }
  const existing = await lookAt(path);
  if (existing?.isDirectory() === true) return false;
  const isLink = existing?.isSymbolicLink() === true;
  throw inTheWay(path, isLink ? "a symbolic link is there, which is not followed" : "a file is there");
}

/** Gives a directory that is complete its permissions and time. */
export async function finishHostDirectory(path: HostPath, { mode, mtimeNs }: TreeEntry): Promise<void> {
  try {
    await utimes(path, ...timesOf(mtimeNs));
    await chmod(path, mode & PERMISSION_MASK);
  } catch (error) {
    throw hostFileError("finishing the directory", path, error);
  }
}

/** @throws {HostError} where a directory is, which nothing else can replace. */
export async function refuseHostDirectory(path: HostPath): Promise<void> {
  const existing = await lookAt(path);
  if (existing?.isDirectory() === true) throw inTheWay(path, "a directory is there, and what comes is none");
}

async function lookAt(path: HostPath): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw hostFileError("looking at", path, error);
  }
}

function inTheWay(path: HostPath, reason: string): HostError {
  return new HostError("IO_ERROR", `the download cannot make ${showHostPath(path)} on this machine: ${reason}`, {
    hint: "Remove it, or download to another path.",
    details: { path: path.toString("utf8") },
  });
}
