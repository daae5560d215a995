import { FlatFile } from "./flat-file.ts";
import { PAGE_BYTES, WINDOW_BYTES } from "./page.ts";
import { joinRanges, overlay, type PageRun, type Window } from "./page-run.ts";
import type { PageSource } from "./page-source.ts";
import { PagesFiles } from "./pages-files.ts";

/** Superseded pages that are read along, since two reads would take longer. */
const MAX_SKIPPED_BYTES = 16 * PAGE_BYTES;

/** What a memory consists of. */
export interface MemoryParts {
  readonly sizeBytes: number;
  /** The flat file below all changes; without it, zeros. */
  readonly basePath: string | undefined;
  /** Pages files, oldest first. Of a page that several hold, the newest counts. */
  readonly pages: readonly string[];
}

/** The parts of a memory, open for reading. */
export class ComposedMemory implements AsyncDisposable {
  readonly #files: PagesFiles;
  readonly #base: FlatFile | undefined;

  private constructor(files: PagesFiles, base: FlatFile | undefined) {
    this.#files = files;
    this.#base = base;
  }

  /** @throws {SmolVMError} `SNAPSHOT_CORRUPT` and what else says that a part cannot be used. */
  static async open({ sizeBytes, basePath, pages }: MemoryParts): Promise<ComposedMemory> {
    const files = await PagesFiles.open(pages, sizeBytes);
    try {
      return new ComposedMemory(files, basePath === undefined ? undefined : await FlatFile.open(basePath, sizeBytes));
    } catch (error) {
      await files[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Pages that differ from the base: of kind `data` or `zero`. */
  get changes(): readonly PageRun<PageSource>[] {
    return this.#files.runs.filter(({ kind }) => kind !== "base");
  }

  /** Pages that hold something, and, of the changed ones, those of zeros. */
  async runs(signal?: AbortSignal): Promise<readonly PageRun<PageSource>[]> {
    return overlay((await this.#base?.runs(signal)) ?? [], this.changes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#files[Symbol.asyncDispose](), this.#base?.[Symbol.asyncDispose]()]);
  }
}

/** Bytes of a memory, and where they belong. */
export interface MemoryPiece {
  readonly offset: number;
  readonly bytes: Buffer;
}

/**
 * Reads the runs of a window to their places in `target`, which is as long as a window; answers with the consecutive ones
 * together. Each file is read in few large pieces, also where its pages belong to many places: they lie side by side in it.
 */
export async function readWindow(
  { page, runs }: Window<PageSource>,
  target: Buffer,
  scratch: () => Buffer,
): Promise<MemoryPiece[]> {
  const placeOf = (run: PageRun<PageSource>): number => (run.page - page) * PAGE_BYTES;
  for (const run of runs) {
    if (run.kind === "zero") target.fill(0, placeOf(run), placeOf(run) + run.count * PAGE_BYTES);
  }
  const data = runs.filter(({ kind }) => kind === "data");
  for (const ofSource of Map.groupBy(data, ({ source }) => source).values()) {
    for (const near of gatherNear(ofSource)) {
      const [first] = near;
      const start = first.offset;
      const last = near.at(-1) ?? first;
      const length = last.offset + last.count * PAGE_BYTES - start;
      if (near.length === 1) {
        await first.source.read(target.subarray(placeOf(first), placeOf(first) + length), start);
        continue;
      }
      const bytes = scratch().subarray(0, length);
      await first.source.read(bytes, start);
      for (const run of near) {
        const from = run.offset - start;
        bytes.copy(target, placeOf(run), from, from + run.count * PAGE_BYTES);
      }
    }
  }
  return joinRanges(runs).map(({ page: firstPage, count }) => {
    const place = (firstPage - page) * PAGE_BYTES;
    return { offset: firstPage * PAGE_BYTES, bytes: target.subarray(place, place + count * PAGE_BYTES) };
  });
}

/** A buffer for {@link readWindow}. Data of a window takes no more in a file, as pages lie there in the same order. */
export function windowBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(WINDOW_BYTES);
}

type NonEmpty<Item> = [Item, ...Item[]];

/** Parts runs of one file into those that are worth one read. */
function gatherNear(runs: readonly PageRun<PageSource>[]): NonEmpty<PageRun<PageSource>>[] {
  const groups: NonEmpty<PageRun<PageSource>>[] = [];
  let end = Number.NEGATIVE_INFINITY;
  for (const run of runs) {
    const group = groups.at(-1);
    if (group !== undefined && run.offset - end <= MAX_SKIPPED_BYTES) group.push(run);
    else groups.push([run]);
    end = run.offset + run.count * PAGE_BYTES;
  }
  return groups;
}
