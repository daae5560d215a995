/** What a tree stream carries; sockets, pipes and devices are left out. */
export type TreeEntryType = "file" | "directory" | "symlink";

/** One file, directory or link of a tree. Names and targets are bytes: Linux does not ask them to be UTF-8. */
export interface TreeEntry {
  /** One component; the root has none. */
  readonly name: Buffer | undefined;
  readonly type: TreeEntryType;
  /** Permissions, at most 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  /** What a link says. */
  readonly target?: Buffer;
}

/** What follows what in a tree: a directory is left behind all that is in it, a file ends behind its content. */
export type TreeEvent =
  | { readonly kind: "entry"; readonly entry: TreeEntry }
  /** A part of the content of the last file. The bytes are valid until the next event. */
  | { readonly kind: "content"; readonly offset: number; readonly bytes: Buffer }
  /** The last file is complete; what no content came for is a hole. */
  | { readonly kind: "file-end"; readonly size: number }
  /** The innermost directory is complete. */
  | { readonly kind: "leave" };

/** The bits of `st_mode` that say the type. */
export const TYPE_BITS: Readonly<Record<TreeEntryType, number>> = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
};

/** How deep directories may be nested. */
export const MAX_TREE_DEPTH = 512;
