/**
 * The format of an archive: the one file that a snapshot is exported to. Numbers are big-endian.
 *
 * | bytes | what |
 * | --- | --- |
 * | 8 | `SMOLSNAP` |
 * | 4 | version of the format |
 * | … | one zstd frame: the content |
 * | 32 | SHA-256 of all bytes before it: the seal |
 *
 * Magic number, version and seal are in clear. Any changed, missing or added byte breaks the seal, also one that
 * decompression would not notice. The content is the manifest, the entries, and an end:
 *
 * | part | bytes | what |
 * | --- | --- | --- |
 * | manifest | 4 | length of the JSON, at most 1 MiB |
 * | | … | JSON, UTF-8 |
 * | | 32 | SHA-256 of the two |
 * | entry | 1 | 1 |
 * | | 1 | length of the name |
 * | | … | name: `[a-z0-9][a-z0-9.-]{0,63}`, no two alike |
 * | | 2 | permissions of the file that was read, at most 0777 |
 * | | 8 | size in bytes |
 * | run, any number | 1 | 2 |
 * | | 8 | offset in the entry; not before the end of the run before |
 * | | 4 | length, more than 0; the run ends within the entry |
 * | | … | bytes |
 * | end of the entry | 1 | 3 |
 * | | 32 | SHA-256 of the entry from its first byte to this 3 |
 * | end of the archive | 1 | 4 |
 *
 * What no run covers is zeros. The digests of manifest and entries hold for the content, however it is compressed; they
 * also tell which part is damaged, before the seal can. No digest says who made an archive.
 */
export const MAGIC: Buffer = Buffer.from("SMOLSNAP", "latin1");
export const FORMAT_VERSION = 1;
/** Magic number and version. */
export const PRELUDE_BYTES = 12;
export const DIGEST_BYTES = 32;

export const RecordType = { ENTRY: 1, RUN: 2, ENTRY_END: 3, ARCHIVE_END: 4 } as const;
/** What follows the type of a run: offset and length. */
export const RUN_FIELDS_BYTES = 12;

export const MAX_MANIFEST_BYTES = 1_048_576;
/** A snapshot has a handful of files: a reader need not remember the names of millions. */
export const MAX_ENTRIES = 1024;
/** Holes are left out in units of this size, a page of guests and of most filesystems. */
export const HOLE_BYTES = 4096;
/**
 * The largest window of a frame, as a power of two: 8 MiB, what the format of zstd wants every decoder to support. It bounds
 * what reading an archive takes of memory. Level 3 uses 2 MiB.
 */
export const MAX_WINDOW_LOG = 23;

/** Names become files beside each other: none can lead elsewhere, or mean an option. */
const NAME = /^[a-z0-9][a-z0-9.-]{0,63}$/;

export function isEntryName(name: string): boolean {
  return NAME.test(name);
}

/** What JSON can say. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Bytes of an entry, where they are not all zeros. */
export interface ArchiveRun {
  /** From the start of the entry, in bytes. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}
