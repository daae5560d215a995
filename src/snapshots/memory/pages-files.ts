import { corruptFile } from "./pages-file-format.ts";
import { overlay, type PageRun } from "./page-run.ts";
import type { PageSource } from "./page-source.ts";
import { PagesFile } from "./pages-file.ts";

/** Pages files of one memory, of which each holds what changed after the one before. */
export class PagesFiles implements AsyncDisposable {
  readonly #files: PagesFile[] = [];

  /**
   * @throws {SmolVMError} what {@link PagesFile.open} throws, and `SNAPSHOT_CORRUPT` for a file of a memory of another size.
   */
  static async open(paths: readonly string[], sizeBytes: number): Promise<PagesFiles> {
    const opened = new PagesFiles();
    try {
      for (const path of paths) {
        const file = await PagesFile.open(path);
        opened.#files.push(file);
        if (file.sizeBytes !== sizeBytes) {
          throw corruptFile(path, `it is of a memory of ${file.sizeBytes} bytes, expected ${sizeBytes}`);
        }
      }
      return opened;
    } catch (error) {
      await opened[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The newest that is known of each page. */
  get runs(): readonly PageRun<PageSource>[] {
    return this.#files.reduce<readonly PageRun<PageSource>[]>((below, { runs }) => overlay(below, runs), []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#files.map((file) => file[Symbol.asyncDispose]()));
  }
}
