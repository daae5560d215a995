import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { fileFailure, readFully } from "./file-bytes.ts";
import { WINDOW_BYTES } from "./page.ts";
import type { PageRun } from "./page-run.ts";
import type { PageSource } from "./page-source.ts";
import { corruptFile, decodeHeader, decodeIndex, HEADER_BYTES, type PagesHeader } from "./pages-file-format.ts";

/** A pages file, open for reading. Its index has been checked; whether its data is what was written, only `verify` tells. */
export class PagesFile implements PageSource, AsyncDisposable {
  readonly path: string;
  /** Size of the memory that the pages belong to. */
  readonly sizeBytes: number;
  /** How many pages the file holds the data of. */
  readonly pageCount: number;
  readonly runs: readonly PageRun<PageSource>[];
  readonly #file: FileHandle;
  readonly #header: PagesHeader;

  private constructor(path: string, file: FileHandle, header: PagesHeader, headerBytes: Buffer, index: Buffer) {
    this.path = path;
    this.sizeBytes = header.sizeBytes;
    this.pageCount = header.dataPages;
    this.runs = decodeIndex<PageSource>(path, headerBytes, index, this);
    this.#file = file;
    this.#header = header;
  }

  /**
   * Opens a file, which is trusted in nothing.
   *
   * @throws {SmolVMError} `SNAPSHOT_CORRUPT` for a file that is not whole or not a pages file, `SNAPSHOT_INCOMPATIBLE` for
   * one of another version, `IO_ERROR` for one that cannot be read.
   */
  static async open(path: string): Promise<PagesFile> {
    // Without the flag a FIFO of this name would keep us waiting for somebody who writes into it.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
      throw fileFailure(path, cause);
    });
    try {
      const stats = await file.stat();
      if (!stats.isFile()) throw corruptFile(path, "it is no regular file");
      const headerBytes = Buffer.alloc(HEADER_BYTES);
      if (!(await readFully(file, headerBytes, 0))) throw corruptFile(path, "it is shorter than a header");
      const header = decodeHeader(path, headerBytes);
      if (stats.size !== header.fileBytes) {
        throw corruptFile(path, `it has ${stats.size} bytes instead of ${header.fileBytes}`);
      }
      const index = Buffer.alloc(header.dataOffset - HEADER_BYTES);
      if (!(await readFully(file, index, HEADER_BYTES))) throw corruptFile(path, "it became shorter");
      return new PagesFile(path, file, header, headerBytes, index);
    } catch (cause) {
      await file.close();
      throw fileFailure(path, cause);
    }
  }

  async read(target: Buffer, offset: number): Promise<void> {
    const isThere = await readFully(this.#file, target, offset).catch((cause: unknown) => {
      throw fileFailure(this.path, cause);
    });
    if (!isThere) throw corruptFile(this.path, "it became shorter");
  }

  /**
   * Reads all of the file and compares it with the digest that `write` answered with.
   *
   * @throws {SmolVMError} `SNAPSHOT_CORRUPT` when the file is another.
   */
  async verify(sha256: string, signal?: AbortSignal): Promise<void> {
    const hash = createHash("sha256");
    const buffer = Buffer.allocUnsafeSlow(WINDOW_BYTES);
    for (let at = 0; at < this.#header.fileBytes; at += WINDOW_BYTES) {
      signal?.throwIfAborted();
      const bytes = buffer.subarray(0, Math.min(WINDOW_BYTES, this.#header.fileBytes - at));
      await this.read(bytes, at);
      hash.update(bytes);
    }
    if (hash.digest("hex") !== sha256) throw corruptFile(this.path, "its content is not what was written");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}
