import { createHash } from "node:crypto";
import { Readable, Writable } from "node:stream";
import { zstdCompressSync } from "node:zlib";
import type { JsonValue } from "../../../src/snapshots/archive/archive-format.ts";
import type { ArchiveContent } from "../../../src/snapshots/archive/encode-content.ts";
import { openArchive, type OpenArchiveOptions } from "../../../src/snapshots/archive/open-archive.ts";
import { writeArchive } from "../../../src/snapshots/archive/write-archive.ts";

/** Numbers from 0 to below `limit`, the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

/** Bytes that do not compress. */
export function noise(sizeBytes: number, next: (limit: number) => number = randomNumbers(sizeBytes)): Buffer {
  return Buffer.from(Array.from({ length: sizeBytes }, () => next(256)));
}

/** A stream that keeps what is written to it. */
export function collector(): { readonly stream: Writable; readonly bytes: () => Buffer } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      chunks.push(chunk);
      callback();
    },
  });
  return { stream, bytes: () => Buffer.concat(chunks) };
}

export async function archiveOf(content: ArchiveContent): Promise<Buffer> {
  const { stream, bytes } = collector();
  await writeArchive(stream, content);
  return bytes();
}

/** All that is in an archive; entries with their holes filled. */
export interface ArchiveContents {
  readonly manifest: JsonValue;
  readonly entries: readonly { readonly name: string; readonly mode: number; readonly bytes: Buffer }[];
}

export async function readArchive(
  source: Readable | Buffer | string,
  options?: OpenArchiveOptions,
): Promise<ArchiveContents> {
  const stream = Buffer.isBuffer(source) ? Readable.from([source]) : source;
  await using archive = await openArchive(stream, options);
  const entries = [];
  for await (const entry of archive.entries) {
    const bytes = Buffer.alloc(entry.sizeBytes);
    for await (const run of entry.runs()) bytes.set(run.bytes, run.offset);
    entries.push({ name: entry.name, mode: entry.mode, bytes });
  }
  return { manifest: archive.manifest, entries };
}

/** Magic number, version and seal around what may be anything. */
export function sealed(packed: Buffer): Buffer {
  const open = Buffer.concat([Buffer.from("SMOLSNAP"), u32(1), packed]);
  return Buffer.concat([open, sha256(open)]);
}

/** An archive whose content need not follow the format, as somebody who knows the format can make it. */
export function forged(...parts: readonly Buffer[]): Buffer {
  return sealed(zstdCompressSync(Buffer.concat(parts)));
}

export function manifestPart(json: string | Buffer = "{}"): Buffer {
  const part = Buffer.concat([u32(Buffer.byteLength(json)), Buffer.from(json)]);
  return Buffer.concat([part, sha256(part)]);
}

export interface ForgedEntry {
  readonly name?: string;
  readonly mode?: number;
  readonly sizeBytes?: number | bigint;
  readonly runs?: readonly { readonly offset: number | bigint; readonly length?: number; readonly bytes: Buffer }[];
}

export function entryPart({ name = "memory", mode = 0o600, sizeBytes = 8192, runs = [] }: ForgedEntry = {}): Buffer {
  const part = Buffer.concat([
    Buffer.of(1, name.length),
    Buffer.from(name, "latin1"),
    u32(mode).subarray(2),
    u64(sizeBytes),
    ...runs.flatMap(({ offset, bytes, length = bytes.length }) => [Buffer.of(2), u64(offset), u32(length), bytes]),
    Buffer.of(3),
  ]);
  return Buffer.concat([part, sha256(part)]);
}

export const END_PART: Buffer = Buffer.of(4);

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

function sha256(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest();
}
