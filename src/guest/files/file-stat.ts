import type { FieldReader } from "../protocol/fields.ts";
import { Tag } from "../protocol/frame-types.ts";
import { protocolViolation } from "../protocol/protocol-violation.ts";

const TYPES: Readonly<Record<number, FileType>> = {
  0o140: "socket",
  0o120: "symlink",
  0o100: "file",
  0o060: "block-device",
  0o040: "directory",
  0o020: "character-device",
  0o010: "fifo",
};

/** What a path names. */
export type FileType =
  | "file"
  | "directory"
  | "symlink"
  | "fifo"
  | "socket"
  | "block-device"
  | "character-device"
  | "unknown";

/** What is known of a file in the guest. */
export interface FileStat {
  readonly type: FileType;
  /** Bytes. */
  readonly size: number;
  /** Permissions, at most 0o7777; the type is not among them. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** When the content was last changed. */
  readonly mtime: Date;
  /** The same in milliseconds since 1970, with a fraction. */
  readonly mtimeMs: number;
  /** When the content or what is known of the file was last changed. */
  readonly ctime: Date;
  readonly inode: number;
  /** How many names the file has. */
  readonly links: number;
  /** What a symbolic link says. */
  readonly target?: string;
}

/** The type that a `st_mode` holds. */
export function typeOfMode(mode: number): FileType {
  return TYPES[(mode >> 9) & 0o170] ?? "unknown";
}

/** Nanoseconds since 1970, of which the sign went as two's complement, in milliseconds. Exact to the microsecond. */
export function millisecondsOf(ns: bigint): number {
  const signed = BigInt.asIntN(64, ns);
  return Number(signed / 1_000_000n) + Number(signed % 1_000_000n) / 1e6;
}

/** Reads the fields of *stat*. */
export function parseStat(fields: FieldReader): FileStat {
  const mode = need(fields.u32(Tag.MODE));
  const target = fields.text(Tag.TARGET);
  const mtimeMs = millisecondsOf(need(fields.u64(Tag.MTIME_NS)));
  return Object.freeze({
    type: typeOfMode(mode),
    size: Number(need(fields.u64(Tag.SIZE))),
    mode: mode & 0o7777,
    uid: need(fields.u32(Tag.UID)),
    gid: need(fields.u32(Tag.GID)),
    mtime: new Date(mtimeMs),
    mtimeMs,
    ctime: new Date(millisecondsOf(need(fields.u64(Tag.CTIME_NS)))),
    inode: Number(need(fields.u64(Tag.INODE))),
    links: need(fields.u32(Tag.LINKS)),
    ...(target === undefined ? {} : { target }),
  });
}

function need<Value>(value: Value | undefined): Value {
  if (value !== undefined) return value;
  throw protocolViolation("what is known of a file lacks a field");
}
