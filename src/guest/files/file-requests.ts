import { ValidationError } from "../../errors/smolvm-error.ts";
import { describe } from "../../config/vm-id.ts";
import { FileFlag, Method, Tag } from "../protocol/frame-types.ts";
import { askAboutFile, type ConnectForFiles, type FileCallOptions, fileRequest } from "./file-call.ts";
import { flagFields, modeFields } from "./file-numbers.ts";
import { type GuestUser, whoFields } from "../identity/who-fields.ts";
import { type FileStat, parseStat } from "./file-stat.ts";

/** Options of looking at a file. */
export interface StatOptions extends FileCallOptions {
  /** Look at what a symbolic link leads to, not at the link itself. Default true. */
  readonly followSymlinks?: boolean;
}

/** Options of making a directory. */
export interface MakeDirectoryOptions extends FileCallOptions {
  /** Make directories that are missing above it, and take one that exists for made. Default false. */
  readonly recursive?: boolean;
  /** Permissions. Default 0o755. */
  readonly mode?: number;
  /** Default root. */
  readonly owner?: GuestUser;
}

/** Options of removing. */
export interface RemoveOptions extends FileCallOptions {
  /** Remove a directory with all that is in it. Default false. */
  readonly recursive?: boolean;
  /** What does not exist is no error. Default false. */
  readonly force?: boolean;
}

/** Options of renaming. */
export interface RenameOptions extends FileCallOptions {
  /** Replace what has the new name already. Default true, as in Node. */
  readonly overwrite?: boolean;
}

/** Options of changing what is known of a file. */
export interface ChangeOptions extends FileCallOptions {
  /** Change what is below a directory, too; symbolic links are not followed. Default false. */
  readonly recursive?: boolean;
  /** Change what a symbolic link leads to, not the link itself. Default true. */
  readonly followSymlinks?: boolean;
}

export async function statFile(connect: ConnectForFiles, path: string, options: StatOptions): Promise<FileStat> {
  const fields = flagFields([[FileFlag.NO_FOLLOW, options.followSymlinks === false]]);
  const result = await askAboutFile(connect, fileRequest("looking at", Method.FILE_STAT, path, fields), options);
  return parseStat(result.fields);
}

export async function makeDirectory(
  connect: ConnectForFiles,
  path: string,
  options: MakeDirectoryOptions,
): Promise<void> {
  const fields = [
    ...modeFields(options.mode),
    ...whoFields("owner", options.owner),
    ...flagFields([[FileFlag.PARENTS, options.recursive]]),
  ];
  const request = fileRequest("making the directory", Method.FILE_MAKE_DIRECTORY, path, fields);
  await askAboutFile(connect, request, options);
}

export async function removeFile(connect: ConnectForFiles, path: string, options: RemoveOptions): Promise<void> {
  const fields = flagFields([
    [FileFlag.RECURSIVE, options.recursive],
    [FileFlag.FORCE, options.force],
  ]);
  const request = fileRequest("removing", Method.FILE_REMOVE, path, fields);
  await askAboutFile(connect, request, options, classOf(options));
}

export async function renameFile(
  connect: ConnectForFiles,
  from: string,
  to: string,
  options: RenameOptions,
): Promise<void> {
  const fields = [{ tag: Tag.TARGET, value: to }, ...flagFields([[FileFlag.EXCLUSIVE, options.overwrite === false]])];
  await askAboutFile(connect, fileRequest("renaming", Method.FILE_RENAME, from, fields), options);
}

export async function makeSymlink(
  connect: ConnectForFiles,
  target: string,
  path: string,
  options: FileCallOptions,
): Promise<void> {
  if (typeof target !== "string" || target === "" || target.includes("\0") || !target.isWellFormed()) {
    throw new ValidationError(
      "INVALID_PATH",
      `what a symbolic link says must be text that is not empty and holds no NUL byte, got ${describe(target)}`,
      { hint: "Give the path that the link shall lead to, absolute or relative to the link." },
    );
  }
  const request = fileRequest("making the symbolic link", Method.FILE_SYMLINK, path, [
    { tag: Tag.TARGET, value: target },
  ]);
  await askAboutFile(connect, request, options);
}

/** What is to be changed of a file. */
export interface FileChanges {
  readonly mode?: number;
  readonly owner?: GuestUser;
  readonly mtime?: Date;
}

export async function changeFile(
  connect: ConnectForFiles,
  path: string,
  changes: FileChanges,
  options: ChangeOptions,
): Promise<void> {
  const { mode, owner, mtime } = changes;
  const fields = [
    ...modeFields(mode),
    ...whoFields("owner", owner),
    ...(mtime === undefined ? [] : [{ tag: Tag.MTIME_NS, value: nanosecondsOf(mtime) }]),
    ...flagFields([
      [FileFlag.RECURSIVE, options.recursive],
      [FileFlag.NO_FOLLOW, options.followSymlinks === false],
    ]),
  ];
  const request = fileRequest("changing", Method.FILE_CHANGE, path, fields);
  await askAboutFile(connect, request, options, classOf(options));
}

function nanosecondsOf(time: Date): bigint {
  const ms = time instanceof Date ? time.getTime() : Number.NaN;
  if (!Number.isNaN(ms)) return BigInt.asUintN(64, BigInt(ms) * 1_000_000n);
  throw new ValidationError("INVALID_OPTION", `mtime must be a valid Date, got ${describe(time)}`);
}

/** What goes through a tree may last. */
function classOf({ recursive }: { readonly recursive?: boolean }): "control" | "stream" {
  return recursive === true ? "stream" : "control";
}
