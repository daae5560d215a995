import { describe } from "../../config/vm-id.ts";
import { cleanGuestText } from "../channel/guest-text.ts";
import { HostError, ValidationError } from "../../errors/smolvm-error.ts";

const SLASH = Buffer.from("/");

/** A path on this machine as bytes: names need not be UTF-8. */
export type HostPath = Buffer;

/** @throws {ValidationError} `INVALID_PATH` for what is no path; one that is relative is one. */
export function checkHostPath(path: unknown): string {
  if (typeof path === "string" && path !== "" && !path.includes("\0")) return path;
  throw new ValidationError(
    "INVALID_PATH",
    `the path on this machine must be text without a NUL byte, got ${describe(path)}`,
  );
}

/** The path of something in a directory. */
export function joinHostPath(directory: HostPath, name: Buffer): HostPath {
  return directory.at(-1) === SLASH[0] ? Buffer.concat([directory, name]) : Buffer.concat([directory, SLASH, name]);
}

/** The part of a path that is below a root; what is not UTF-8 shows as U+FFFD. */
export function pathBelow(root: HostPath, path: HostPath): string {
  return path.subarray(root.length + 1).toString("utf8");
}

/** The path as a message shows it: a guest may have chosen its names. */
export function showHostPath(path: HostPath): string {
  return cleanGuestText(path.toString("utf8"));
}

/** A file of this machine could not be read or written. What is no failure of a system call is passed on as it is. */
export function hostFileError(doing: string, path: HostPath, cause: unknown): Error {
  const { message, code, syscall } = cause as NodeJS.ErrnoException;
  if (syscall === undefined) return cause as Error;
  const shown = showHostPath(path);
  return new HostError("IO_ERROR", `${doing} ${shown} on this machine failed: ${cleanGuestText(message)}`, {
    cause,
    details: { path: path.toString("utf8"), ...(code === undefined ? {} : { errno: code }) },
  });
}

/** Whether a system call failed with one of these errors. */
export function hasErrno(error: unknown, ...codes: readonly string[]): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return syscall !== undefined && code !== undefined && codes.includes(code);
}
