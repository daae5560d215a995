import { stat } from "node:fs/promises";
import { join } from "node:path";
import { GuestFileError } from "../../guest/files/file-error.ts";
import { joinGuestPath } from "../../guest/files/guest-path.ts";
import type { VMFiles } from "../../vm/files/files.ts";
import { lastName } from "./place.ts";

/** Where a copy into a VM goes: into a directory that exists or is written with a slash, under the source's own name. */
export async function guestDestination(
  files: VMFiles,
  path: string,
  source: string,
  signal: AbortSignal,
): Promise<string> {
  return path.endsWith("/") || (await isGuestDirectory(files, path, signal))
    ? joinGuestPath(path, lastName(source))
    : path;
}

/** The same on this machine. */
export async function hostDestination(path: string, source: string): Promise<string> {
  const stats = await stat(path).catch(() => undefined); // what is missing is made
  return path.endsWith("/") || stats?.isDirectory() === true ? join(path, lastName(source)) : path;
}

async function isGuestDirectory(files: VMFiles, path: string, signal: AbortSignal): Promise<boolean> {
  try {
    return (await files.stat(path, { signal })).type === "directory";
  } catch (error) {
    if (error instanceof GuestFileError && error.code === "FILE_NOT_FOUND") return false;
    throw error;
  }
}
