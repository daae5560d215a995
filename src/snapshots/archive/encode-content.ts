import { createHash } from "node:crypto";
import {
  type ArchiveRun,
  isEntryName,
  type JsonValue,
  MAX_ENTRIES,
  MAX_MANIFEST_BYTES,
  RecordType,
  RUN_FIELDS_BYTES,
} from "./archive-format.ts";
import { dataRanges } from "./data-ranges.ts";
import { fileRuns } from "./file-runs.ts";

/** A file that goes into an archive. */
export interface ArchiveSource {
  readonly name: string;
  readonly sizeBytes: number;
  /** Permissions, at most 0o777. They are noted, and not given to what is extracted. */
  readonly mode: number;
  /**
   * The path of the file, or its bytes: in order, within the size, and without overlaps. What they leave out is zeros; so
   * are, for the archive, whole pages of zeros in them. Bytes are used before the next are asked for, and not afterwards.
   * An iterable that can hang must end by itself when the writing is aborted.
   */
  readonly runs: string | AsyncIterable<ArchiveRun> | Iterable<ArchiveRun>;
}

/** What an archive is made of. */
export interface ArchiveContent {
  /** At most 1 MiB as JSON. */
  readonly manifest: JsonValue;
  /** At most 1024, with names that differ. */
  readonly entries: AsyncIterable<ArchiveSource> | Iterable<ArchiveSource>;
}

/** How far the writing of an archive has come. */
export interface ArchiveProgress {
  /** The name of the entry that is written. */
  readonly entry: string;
  readonly sizeBytes: number;
  /** How much of the entry is done, holes included. */
  readonly doneBytes: number;
}

/**
 * The content of an archive, uncompressed, in pieces that are valid until the next is asked for.
 *
 * @throws {RangeError} for what the format cannot hold: see {@link ArchiveSource}.
 */
export async function* encodeContent(
  content: ArchiveContent,
  onProgress?: (progress: ArchiveProgress) => void,
): AsyncGenerator<Buffer, void, undefined> {
  yield encodeManifest(content.manifest);
  const names = new Set<string>();
  for await (const source of content.entries) {
    if (names.has(source.name)) throw new RangeError(`two entries of the archive are called "${source.name}"`);
    names.add(source.name);
    if (names.size > MAX_ENTRIES) throw new RangeError(`an archive holds ${MAX_ENTRIES} entries and no more`);
    yield* encodeEntry(source, onProgress);
  }
  yield Buffer.of(RecordType.ARCHIVE_END);
}

function encodeManifest(manifest: JsonValue): Buffer {
  const json = Buffer.from(JSON.stringify(manifest));
  if (json.length > MAX_MANIFEST_BYTES) {
    throw new RangeError(`a manifest has at most ${MAX_MANIFEST_BYTES} bytes, not ${json.length}`);
  }
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json, createHash("sha256").update(length).update(json).digest()]);
}

async function* encodeEntry(
  source: ArchiveSource,
  onProgress: ((progress: ArchiveProgress) => void) | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  const { name, sizeBytes, runs } = source;
  const digest = createHash("sha256");
  const digested = (piece: Buffer): Buffer => {
    digest.update(piece);
    return piece;
  };
  yield digested(entryHeader(source));
  let doneBytes = 0;
  for await (const run of typeof runs === "string" ? fileRuns(runs, sizeBytes) : runs) {
    const { offset } = run;
    const bytes = Buffer.from(run.bytes.buffer, run.bytes.byteOffset, run.bytes.byteLength);
    if (!(offset >= doneBytes && offset + bytes.length <= sizeBytes)) {
      throw new RangeError(
        `a run of "${name}" must lie between ${doneBytes} and ${sizeBytes}, not at ${offset} with ${bytes.length} bytes`,
      );
    }
    for (const [start, end] of dataRanges(bytes, offset)) {
      yield digested(runHeader(offset + start, end - start));
      yield digested(bytes.subarray(start, end));
    }
    doneBytes = offset + bytes.length;
    onProgress?.({ entry: name, sizeBytes, doneBytes });
  }
  yield digested(Buffer.of(RecordType.ENTRY_END));
  yield digest.digest();
  if (doneBytes < sizeBytes) onProgress?.({ entry: name, sizeBytes, doneBytes: sizeBytes });
}

function entryHeader({ name, mode, sizeBytes }: ArchiveSource): Buffer {
  if (!isEntryName(name)) throw new RangeError(`an entry of an archive cannot be called ${JSON.stringify(name)}`);
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) {
    throw new RangeError(`the mode of "${name}" must be permissions alone, got ${mode}`);
  }
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
    throw new RangeError(`the size of "${name}" must be a whole number of bytes, got ${sizeBytes}`);
  }
  const header = Buffer.alloc(2 + name.length + 10);
  header.writeUInt8(RecordType.ENTRY, 0);
  header.writeUInt8(name.length, 1);
  header.write(name, 2, "latin1");
  header.writeUInt16BE(mode, 2 + name.length);
  header.writeBigUInt64BE(BigInt(sizeBytes), 4 + name.length);
  return header;
}

function runHeader(offset: number, lengthBytes: number): Buffer {
  const header = Buffer.allocUnsafe(1 + RUN_FIELDS_BYTES);
  header.writeUInt8(RecordType.RUN, 0);
  header.writeBigUInt64BE(BigInt(offset), 1);
  header.writeUInt32BE(lengthBytes, 9);
  return header;
}
