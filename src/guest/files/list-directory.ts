import { SmolVMError } from "../../errors/smolvm-error.ts";
import { FileFlag, Method, Tag } from "../protocol/frame-types.ts";
import { protocolViolation } from "../protocol/protocol-violation.ts";
import { type ConnectForFiles, type FileCallOptions, fileRequest, openFileStream } from "./file-call.ts";
import { checkCount, flagFields } from "./file-numbers.ts";
import { type FileStat, parseStat } from "./file-stat.ts";
import { joinGuestPath } from "./guest-path.ts";
import { RecordReader } from "../protocol/record-reader.ts";

const DEFAULT_MAX_ENTRIES = 100_000;

/** One entry of a directory. Of a symbolic link, what is known is about the link itself. */
export interface DirectoryEntry extends FileStat {
  /** Its name; of a recursive list, its path below the directory. What is not UTF-8 shows as U+FFFD. */
  readonly name: string;
  /** Its absolute path. */
  readonly path: string;
}

/** Options of listing a directory. */
export interface ListOptions extends FileCallOptions {
  /** List what is below it, too; symbolic links are not followed. Default false. */
  readonly recursive?: boolean;
  /** More entries are an error. Default 100,000. */
  readonly maxEntries?: number;
}

/** Lists a directory, sorted by name. */
export async function listDirectory(
  connect: ConnectForFiles,
  path: string,
  options: ListOptions,
): Promise<DirectoryEntry[]> {
  const maxEntries = checkCount("maxEntries", options.maxEntries ?? DEFAULT_MAX_ENTRIES);
  const recursive = options.recursive === true;
  const request = fileRequest("listing", Method.FILE_LIST, path, flagFields([[FileFlag.RECURSIVE, recursive]]));
  const call = await openFileStream(connect, request, options, { hasInput: false });
  const reader = new RecordReader();
  const entries: DirectoryEntry[] = [];
  try {
    for await (const chunk of call.output) {
      for (const record of reader.push(chunk)) {
        if (entries.length === maxEntries) throw tooMany(request.what, maxEntries);
        const name = checkName(record.text(Tag.NAME), recursive);
        entries.push(Object.freeze({ name, path: joinGuestPath(path, name), ...parseStat(record) }));
      }
    }
    reader.finish();
  } catch (error) {
    call.cancel(error);
    throw error;
  }
  await call.wait();
  return entries.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/** Callers make paths of names, perhaps on the host: a name may not lead out of the directory that it is said to be in. */
export function checkName(name: string | undefined, isPath: boolean): string {
  const parts = isPath ? (name ?? "").split("/") : [name ?? ""];
  if (parts.some((part) => part === "" || part === "." || part === ".." || part.includes("/"))) {
    throw protocolViolation("the guest sent a name that no file can have");
  }
  return name ?? "";
}

function tooMany(what: string, maxEntries: number): SmolVMError {
  return new SmolVMError("TRANSFER_LIMIT", `${what} brings more than ${maxEntries} entries`, {
    hint: "Raise maxEntries, or list parts of the tree.",
    details: { maxEntries },
  });
}
