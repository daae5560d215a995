import { type FileHandle, open } from "node:fs/promises";
import type { Readable } from "node:stream";
import type { ArchiveRun, JsonValue } from "./archive-format.ts";
import { ContentReader, type EntryHeader } from "./content-reader.ts";
import { hostFileError } from "./host-file-error.ts";
import { readingError, Unpacked } from "./unpack.ts";

const CHUNK_BYTES = 262_144;
const DEFAULT_MAX_BYTES = 2 ** 40;

/** How an archive is read. */
export interface OpenArchiveOptions {
  /** Limit of the sizes of all entries together, holes included. Default 1 TiB. */
  readonly maxBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A file in an archive. */
export interface ArchiveEntry extends EntryHeader {
  /**
   * Its bytes, in order; what they leave out is zeros. Can be called once, and before the next entry is asked for. Whether the
   * bytes are those that were written is known when there are no more.
   */
  readonly runs: () => AsyncGenerator<ArchiveRun, void, undefined>;
}

/** An archive that is being read. */
export interface Archive extends AsyncDisposable {
  /** What the writer has put there: undamaged, but its form is not known yet. */
  readonly manifest: JsonValue;
  /** In the order of the archive, each once. Ends with {@link finish}. */
  readonly entries: AsyncIterable<ArchiveEntry>;
  /** Reads what is left, and answers when the whole archive is known to be undamaged. */
  finish(): Promise<void>;
}

/**
 * Opens an archive: a file, or a stream, which is destroyed in the end. Nothing in it is believed. What was read may be used
 * only when `entries` has come to its end or {@link Archive.finish} has answered.
 *
 * This function and whatever is called on its result fail with:
 *
 * @throws {SmolVMError} `SNAPSHOT_CORRUPT` when it is no archive, is damaged, or is larger than `maxBytes`;
 * `SNAPSHOT_INCOMPATIBLE` for one of another version of the format.
 * @throws {ValidationError} `INVALID_PATH` when there is no such file.
 * @throws {HostError} `IO_ERROR` when it cannot be read.
 * @throws the signal's reason.
 */
export async function openArchive(source: Readable | string, options: OpenArchiveOptions = {}): Promise<Archive> {
  const { signal, maxBytes = DEFAULT_MAX_BYTES } = options;
  signal?.throwIfAborted();
  const stream = typeof source === "string" ? await openFile(source) : source;
  let unpacked: Unpacked | undefined;
  try {
    unpacked = await Unpacked.open(stream, signal);
    const reader = new ContentReader(unpacked.content, maxBytes);
    return new OpenArchive(await reader.manifest(), reader, unpacked, signal);
  } catch (error) {
    stream.destroy();
    await unpacked?.close();
    signal?.throwIfAborted();
    throw readingError(error);
  }
}

class OpenArchive implements Archive {
  readonly manifest: JsonValue;
  readonly entries: AsyncIterable<ArchiveEntry>;
  readonly #reader: ContentReader;
  readonly #unpacked: Unpacked;
  readonly #signal: AbortSignal | undefined;
  #failure: { readonly error: unknown } | undefined;
  #current: EntryHeader | undefined;
  #isFinished = false;

  constructor(manifest: JsonValue, reader: ContentReader, unpacked: Unpacked, signal: AbortSignal | undefined) {
    this.manifest = manifest;
    this.#reader = reader;
    this.#unpacked = unpacked;
    this.#signal = signal;
    this.entries = this.#iterate();
  }

  async finish(): Promise<void> {
    while (!this.#isFinished) await this.#nextEntry();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#failure ??= { error: new Error("the archive is closed") };
    await this.#unpacked.close();
  }

  async *#iterate(): AsyncGenerator<ArchiveEntry, void, undefined> {
    for (let entry = await this.#nextEntry(); entry !== undefined; entry = await this.#nextEntry()) yield entry;
  }

  async #nextEntry(): Promise<ArchiveEntry | undefined> {
    if (this.#isFinished) return undefined;
    this.#current = undefined;
    const header = await this.#attempt(() => this.#reader.nextEntry());
    if (header === undefined) {
      await this.#attempt(() => this.#unpacked.finish());
      this.#isFinished = true;
      return undefined;
    }
    this.#current = header;
    let isTaken = false;
    const runs = (): AsyncGenerator<ArchiveRun, void, undefined> => {
      // A second iteration would look like a file of zeros.
      if (isTaken) throw new RangeError(`the bytes of "${header.name}" can be read once`);
      isTaken = true;
      return this.#runs(header);
    };
    return { ...header, runs };
  }

  async *#runs(header: EntryHeader): AsyncGenerator<ArchiveRun, void, undefined> {
    for (;;) {
      if (this.#current !== header) throw new RangeError(`the bytes of "${header.name}" were passed over`);
      const run = await this.#attempt(() => this.#reader.nextRun());
      if (run === undefined) return;
      yield run;
    }
  }

  /** After an error there is nothing to go on with: every further attempt fails with the same one. */
  async #attempt<Value>(read: () => Promise<Value>): Promise<Value> {
    try {
      this.#signal?.throwIfAborted();
      if (this.#failure !== undefined) throw this.#failure.error;
      return await read();
    } catch (error) {
      this.#failure ??= { error: this.#signal?.aborted === true ? this.#signal.reason : readingError(error) };
      await this.#unpacked.close();
      throw this.#failure.error;
    }
  }
}

async function openFile(path: string): Promise<Readable> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (error) {
    throw hostFileError("reading", path, error);
  }
  return file.createReadStream({ highWaterMark: CHUNK_BYTES });
}
