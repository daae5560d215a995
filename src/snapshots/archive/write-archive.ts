import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress, type ZstdCompress } from "node:zlib";
import { type ArchiveContent, type ArchiveProgress, encodeContent } from "./encode-content.ts";
import { inBatches } from "./in-batches.ts";
import { NewFile } from "./new-file.ts";
import { seal } from "./seal.ts";

/** zstd's own default: level 6 takes twice the time, and saves a fifteenth of the size. */
const LEVEL = 3;
const CHUNK_BYTES = 262_144;

/** How an archive is written. */
export interface WriteArchiveOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called after each block that is read, at most 256 KiB, and at the end of each entry. */
  readonly onProgress?: ((progress: ArchiveProgress) => void) | undefined;
}

/**
 * Writes an archive: to a stream, which is ended, or to a new file, which only its owner can read and which is there when it is
 * whole. Memory does not grow with the entries; a destination that takes no bytes stops the reading.
 *
 * @throws {SmolVMError} `FILE_EXISTS`, `NO_SPACE`, `IO_ERROR`.
 * @throws {ValidationError} `INVALID_PATH` when the directory of the file, or the file of an entry, does not exist.
 * @throws {RangeError} for content that the format cannot hold.
 * @throws the signal's reason, what an iterable of the content throws, and what the stream fails with.
 */
export async function writeArchive(
  destination: Writable | string,
  content: ArchiveContent,
  options: WriteArchiveOptions = {},
): Promise<void> {
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  try {
    const pieces = inBatches(encodeContent(content, onProgress));
    if (typeof destination === "string") {
      await using file = await NewFile.create(destination);
      await pipeline(pieces, compressor(), seal, (chunks) => writeTo(file, chunks), { signal });
      signal?.throwIfAborted();
      await file.publish();
    } else {
      await pipeline(pieces, compressor(), seal, destination, { signal });
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** One thread: Node loses the end of the output when zstd has threads of its own (`nbWorkers`). */
function compressor(): ZstdCompress {
  return createZstdCompress({ chunkSize: CHUNK_BYTES, params: { [constants.ZSTD_c_compressionLevel]: LEVEL } });
}

async function writeTo(file: NewFile, chunks: AsyncIterable<Buffer>): Promise<void> {
  for await (const chunk of chunks) await file.write(chunk);
}
