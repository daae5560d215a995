import { addAbortSignal, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createZstdDecompress, type ZstdDecompress } from "node:zlib";
import { HostError, SmolVMError } from "../../errors/smolvm-error.ts";
import { archiveCorrupt } from "./archive-corrupt.ts";
import { MAX_WINDOW_LOG } from "./archive-format.ts";
import { ByteSource } from "./byte-source.ts";
import { unseal } from "./seal.ts";

const CHUNK_BYTES = 262_144;

/** The decompressed content of an archive. It is unpacked as it is taken, and no further. */
export class Unpacked {
  readonly content: ByteSource;
  readonly #stream: Readable;
  readonly #decompressor: ZstdDecompress;
  readonly #done: Promise<void>;
  #packedBytes = 0;

  private constructor(stream: Readable, packed: AsyncIterable<Buffer>) {
    this.#stream = stream;
    this.#decompressor = createZstdDecompress({
      chunkSize: CHUNK_BYTES,
      params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG },
    });
    this.#done = pipeline(this.#count(packed), this.#decompressor);
    this.#done.catch(() => {
      // Whoever takes the content meets the same error.
    });
    this.content = new ByteSource(this.#decompressor);
  }

  /** Starts reading the stream, which is destroyed when the signal fires. */
  static async open(stream: Readable, signal: AbortSignal | undefined): Promise<Unpacked> {
    if (signal !== undefined) addAbortSignal(signal, stream);
    return new Unpacked(stream, await unseal(new ByteSource(stream)));
  }

  /** Reads to the end: the content must be over, and the seal whole. */
  async finish(): Promise<void> {
    // Waiting for the end of what nobody takes would never end.
    if ((await this.content.takeSome(1)).length > 0) throw archiveCorrupt("something follows its end");
    await this.#done;
    // Node's decompressor passes over what follows a frame.
    if (this.#decompressor.bytesWritten !== this.#packedBytes) throw archiveCorrupt("something follows its frame");
  }

  /** Ends the reading, wherever it is. */
  async close(): Promise<void> {
    this.#stream.destroy();
    this.#decompressor.destroy();
    await Promise.allSettled([this.#done]);
  }

  async *#count(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of packed) {
      this.#packedBytes += chunk.length;
      yield chunk;
    }
  }
}

/** What made the reading fail: damage that zstd sees, or a source that could not be read. */
export function readingError(error: unknown): Error {
  if (error instanceof SmolVMError) return error;
  const { code = "", message } = error as NodeJS.ErrnoException;
  if (code.startsWith("ZSTD_") || code.startsWith("Z_")) return archiveCorrupt(`zstd says: ${message}`, error);
  return new HostError("IO_ERROR", `reading the archive failed: ${message}`, { cause: error });
}
