import { HostError, SmolVMError, ValidationError } from "../../errors/smolvm-error.ts";

/** A file of this machine could not be read or written. What is no failure of a system call is passed on as it is. */
export function hostFileError(doing: string, path: string, cause: unknown): Error {
  const { message, code, syscall } = cause as NodeJS.ErrnoException;
  if (syscall === undefined || code === undefined) return cause as Error;
  const options = { cause, details: { path, errno: code } };
  switch (code) {
    case "EEXIST":
      return fileExists(path, cause);
    case "ENOSPC":
    case "EDQUOT":
      return new HostError("NO_SPACE", `${doing} ${path} failed: this machine has no space left for it`, {
        ...options,
        hint: "Remove files from the file system of that path, or choose a path on another one.",
      });
    case "ENOENT":
    case "ENOTDIR":
    case "EISDIR":
      return new ValidationError("INVALID_PATH", `${doing} ${path} failed: ${message}`, options);
    default:
      return new HostError("IO_ERROR", `${doing} ${path} failed: ${message}`, options);
  }
}

/** Something is at a path that must be free. */
export function fileExists(path: string, cause?: unknown): SmolVMError {
  return new SmolVMError("FILE_EXISTS", `${path} exists already, and is not overwritten`, {
    cause,
    details: { path },
    hint: "Choose another path, or remove what is there.",
  });
}
