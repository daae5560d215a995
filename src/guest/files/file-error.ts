import type { ErrorCode } from "../../errors/codes.ts";
import { SmolVMError, type SmolVMErrorOptions } from "../../errors/smolvm-error.ts";
import { type RequestResult, resultError } from "../channel/request-result.ts";
import { Status, statusName } from "../protocol/frame-types.ts";
import { linuxErrnoName } from "./linux-errno.ts";

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: "FILE_NOT_FOUND",
  EEXIST: "FILE_EXISTS",
  EISDIR: "IS_A_DIRECTORY",
  ENOTDIR: "NOT_A_DIRECTORY",
  ENOTEMPTY: "DIRECTORY_NOT_EMPTY",
  EACCES: "PERMISSION_DENIED",
  EPERM: "PERMISSION_DENIED",
  EROFS: "PERMISSION_DENIED",
  ENOSPC: "NO_SPACE",
  EDQUOT: "NO_SPACE",
};

/**
 * A file operation failed in the guest.
 *
 * @example
 * ```ts
 * import { GuestFileError, SmolVM } from "smolvm";
 *
 * await using vm = await SmolVM.launch();
 * try {
 *   await vm.files.readText("/etc/no-such-file");
 * } catch (error) {
 *   if (!(error instanceof GuestFileError)) throw error;
 *   console.log(error.code, error.errno, error.path); // FILE_NOT_FOUND ENOENT /etc/no-such-file
 * }
 * ```
 */
export class GuestFileError extends SmolVMError {
  override readonly name: string = "GuestFileError";
  /** The path in the guest that the call was given. Of a tree, the message names the file within. */
  readonly path: string;
  /** Name of the system call's error, such as `"ENOENT"`; undefined where no system call failed. */
  readonly errno: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: SmolVMErrorOptions & { readonly path: string; readonly errno?: string | undefined },
  ) {
    const { path, errno, details, ...others } = options;
    super(code, message, { ...others, details: { path, ...(errno === undefined ? {} : { errno }), ...details } });
    this.path = path;
    this.errno = errno;
  }
}

/** The error of a RESULT that is not OK. */
export function fileError(what: string, path: string, result: RequestResult): SmolVMError {
  const details = { status: statusName(result.status) };
  // The guest names the path that failed, which is worth repeating only where it is another one, below a tree.
  const message = result.message?.replace(`${path}: `, "") || undefined;
  const failed = (code: ErrorCode, reason: string, errno?: string): GuestFileError =>
    new GuestFileError(code, `${what} failed in the guest: ${reason}`, { path, errno, details });
  if (result.status === Status.NOT_REGULAR) return failed("NOT_A_FILE", message ?? "not a regular file");
  if (result.status === Status.UNKNOWN_USER) return failed("UNKNOWN_USER", message ?? "no such user");
  if (result.status !== Status.SYSTEM || result.errno === undefined) return resultError(what, result, { path });
  const errno = linuxErrnoName(result.errno);
  return failed(CODES[errno] ?? "GUEST_ERROR", message === undefined ? errno : `${message} (${errno})`, errno);
}
