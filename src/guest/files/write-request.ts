import { ValidationError } from "../../errors/smolvm-error.ts";
import { FileFlag, Method, Tag } from "../protocol/frame-types.ts";
import { type FileCallOptions, fileRequest, type FileRequest } from "./file-call.ts";
import { checkCount, flagFields, modeFields } from "./file-numbers.ts";
import { type GuestUser, whoFields } from "../identity/who-fields.ts";

/** How a file is written. */
export interface WriteFileOptions extends FileCallOptions {
  /** Permissions. Default: those of the file that is replaced, else 0o644. */
  readonly mode?: number;
  /** Default: that of the file that is replaced, else root. */
  readonly owner?: GuestUser;
  /**
   * Write a new file beside it and put that in its place when it is complete: readers see the old content or the new. Default
   * true. With false the file itself is cut and written: for devices, `/proc`, and files that others hold open.
   */
  readonly atomic?: boolean;
  /** Write behind the end of what is there, in place. Default false. */
  readonly append?: boolean;
  /** Refuse a file that exists, with `FILE_EXISTS`. Default false. */
  readonly exclusive?: boolean;
  /** Make directories that are missing above it. Default false, as in Node. */
  readonly parents?: boolean;
  /** Write from this byte on, in place, and leave what is around. */
  readonly offset?: number;
}

/** Names of the options of {@link WriteFileOptions}. */
export const WRITE_OPTIONS: readonly string[] = ["mode", "owner", "atomic", "append", "exclusive", "parents", "offset"];

/** Checks how a file is to be written. @throws {ValidationError} for options that contradict each other. */
export function writeRequest(path: string, options: WriteFileOptions): FileRequest {
  const { mode, owner, atomic, append, exclusive, parents } = options;
  const offset = checkCount("offset", options.offset);
  if (append === true && offset !== undefined) throw contradiction("append", "offset");
  if (atomic === true && append === true) throw contradiction("atomic", "append");
  if (atomic === true && offset !== undefined) throw contradiction("atomic", "offset");
  return fileRequest("writing", Method.FILE_WRITE, path, [
    ...modeFields(mode),
    ...whoFields("owner", owner),
    ...(offset === undefined ? [] : [{ tag: Tag.OFFSET, value: BigInt(offset) }]),
    ...flagFields([
      [FileFlag.EXCLUSIVE, exclusive],
      [FileFlag.PARENTS, parents],
      [FileFlag.IN_PLACE, append !== true && (atomic === false || offset !== undefined)],
      [FileFlag.APPEND, append],
    ]),
  ]);
}

function contradiction(one: string, other: string): ValidationError {
  return new ValidationError("INVALID_OPTION", `${one} and ${other} cannot be used together`, {
    hint: "append and offset write into the file itself; leave atomic out with them.",
  });
}
