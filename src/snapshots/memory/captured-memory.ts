import { type Captured, findChanges } from "./find-changes.ts";
import { PAGE_BYTES } from "./page.ts";
import { countPages } from "./page-run.ts";
import { PagesFiles } from "./pages-files.ts";
import { writePagesFile, type WrittenPages } from "./write-pages-file.ts";

/** What a new pages file builds on. */
export interface WriteOptions {
  /** Pages files of earlier snapshots of this memory, oldest first: what they hold is not written again. */
  readonly parents: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Copies of the pages that had changed in a VM's memory. The VM may go on. They take up memory until `discard`.
 */
export class CapturedMemory implements AsyncDisposable {
  readonly #captured: Captured;
  /** How much was copied. */
  readonly capturedBytes: number;

  constructor(captured: Captured) {
    this.#captured = captured;
    this.capturedBytes = countPages(captured.ranges) * PAGE_BYTES;
  }

  /**
   * Writes a pages file that, together with its parents and over the same base, makes the memory as it was. Nothing is left
   * behind when that fails.
   *
   * @throws {SmolVMError} `SNAPSHOT_CORRUPT` for a damaged parent, `NO_SPACE` and `IO_ERROR` where it cannot be written.
   */
  async write(path: string, { parents, signal }: WriteOptions): Promise<WrittenPages> {
    await using older = await PagesFiles.open(parents, this.#captured.sizeBytes);
    const changes = await findChanges(this.#captured, older.runs, signal);
    return await writePagesFile(path, this.#captured.sizeBytes, changes, signal);
  }

  /** Gives the copies back. Not while they are being written. */
  async discard(): Promise<void> {
    await this.#captured.store.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.discard();
  }
}
