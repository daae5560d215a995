import { describe } from "../../config/vm-id.ts";
import { ValidationError } from "../../errors/smolvm-error.ts";

/** @throws {ValidationError} `INVALID_PATH` unless `path` is an absolute path that the guest's kernel can be given. */
export function checkGuestPath(path: unknown, option: string = "the path"): string {
  const reason =
    typeof path !== "string" || !path.startsWith("/")
      ? "must be absolute"
      : path.includes("\0")
        ? "must not hold a NUL byte"
        : path.isWellFormed()
          ? undefined
          : "must be well-formed Unicode";
  if (reason === undefined) return path as string;
  throw new ValidationError("INVALID_PATH", `${option} in the guest ${reason}, got ${describe(path)}`, {
    hint: 'Give an absolute path inside the VM, such as "/root/file".',
    details: { path },
  });
}

/** The path of something in a directory. */
export function joinGuestPath(directory: string, name: string): string {
  return name === "" ? directory : directory.endsWith("/") ? directory + name : `${directory}/${name}`;
}
