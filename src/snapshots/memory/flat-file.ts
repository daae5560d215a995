import { open, type FileHandle } from "node:fs/promises";
import { fileFailure, readFully } from "./file-bytes.ts";
import { PAGE_BYTES } from "./page.ts";
import type { PageRun } from "./page-run.ts";
import type { PageSource } from "./page-source.ts";
import { corruptFile } from "./pages-file-format.ts";
import { extentsOf } from "./extents.ts";

/** A file that holds a memory as it is, byte for byte, open for reading. */
export class FlatFile implements PageSource, AsyncDisposable {
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** @throws {SmolVMError} `SNAPSHOT_CORRUPT` when the file has another size, `IO_ERROR` when it cannot be read. */
  static async open(path: string, sizeBytes: number): Promise<FlatFile> {
    const file = await open(path).catch((cause: unknown) => {
      throw fileFailure(path, cause);
    });
    const { size } = await file.stat();
    if (size === sizeBytes) return new FlatFile(path, file);
    await file.close();
    throw corruptFile(path, `it has ${size} bytes, expected ${sizeBytes}`);
  }

  /** The pages that hold something. */
  async runs(signal?: AbortSignal): Promise<PageRun<PageSource>[]> {
    const ranges = await extentsOf(this.#path, signal);
    return ranges.map((range) => ({ ...range, kind: "data", source: this, offset: range.page * PAGE_BYTES }));
  }

  async read(target: Buffer, offset: number): Promise<void> {
    const isThere = await readFully(this.#file, target, offset).catch((cause: unknown) => {
      throw fileFailure(this.#path, cause);
    });
    if (!isThere) throw corruptFile(this.#path, "it became shorter");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}
