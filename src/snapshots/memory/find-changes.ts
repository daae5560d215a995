import { isZero, PAGE_BYTES, pageAt, WINDOW_BYTES, WINDOW_PAGES } from "./page.ts";
import { endOf, merge, type PageKind, type PageRange, type PageRun, RunCursor, RunList, subtract } from "./page-run.ts";
import type { PageSource } from "./page-source.ts";
import type { PageStore } from "./page-store.ts";

/** A memory that was captured: its changed pages lie in the store, in the order of their numbers. */
export interface Captured {
  readonly sizeBytes: number;
  /** Whether a file lies below the memory. */
  readonly hasBase: boolean;
  readonly ranges: readonly PageRange[];
  readonly store: PageStore;
}

/** What has to be written down of a captured memory when `older`, its earlier snapshots laid over each other, is known. */
export async function findChanges(
  captured: Captured,
  older: readonly PageRun<PageSource>[],
  signal?: AbortSignal,
): Promise<PageRun<PageStore>[]> {
  const comparison = new Comparison(captured, older);
  let slot = 0;
  for (const { page, count } of captured.ranges) {
    for (let done = 0; done < count;) {
      signal?.throwIfAborted();
      const pages = captured.store.contiguous(slot, Math.min(WINDOW_PAGES, count - done));
      await comparison.compare({ page: page + done, count: pages }, slot);
      done += pages;
      slot += pages;
    }
  }
  return merge(comparison.changes, givenBack(captured, older));
}

/**
 * Pages that had changed, and are not the VMM's own any more. The guest cannot do that, but the VMM can, at its wish: the page
 * is again what lies below.
 */
function givenBack({ hasBase, ranges, store }: Captured, older: readonly PageRun<PageSource>[]): PageRun<PageStore>[] {
  return subtract(older, ranges)
    .filter(({ kind }) => kind === "data" || (hasBase && kind === "zero"))
    .map(({ page, count }) => ({ page, count, kind: hasBase ? "base" : "zero", source: store, offset: 0 }));
}

class Comparison {
  readonly #captured: Captured;
  readonly #older: RunCursor<PageSource>;
  readonly #found = new RunList<PageStore>();
  readonly #content = Buffer.allocUnsafeSlow(WINDOW_BYTES);
  readonly #olderContent = Buffer.allocUnsafeSlow(WINDOW_BYTES);

  constructor(captured: Captured, older: readonly PageRun<PageSource>[]) {
    this.#captured = captured;
    this.#older = new RunCursor(older);
  }

  get changes(): readonly PageRun<PageStore>[] {
    return this.#found.runs;
  }

  /** Compares pages that lie from `slot` on with what is known of them. */
  async compare(range: PageRange, slot: number): Promise<void> {
    const bytes = await this.#captured.store.get(slot, range.count, this.#content);
    const contentOf = (page: number): Buffer => pageAt(bytes, page - range.page);
    const add = (page: number, kind: PageKind): void => {
      const offset = (slot + page - range.page) * PAGE_BYTES;
      this.#found.add({ page, count: 1, kind, source: this.#captured.store, offset });
    };
    const addNew = (start: number, end: number): void => {
      for (let page = start; page < end; page++) {
        if (!isZero(contentOf(page))) add(page, "data");
        else if (this.#captured.hasBase) add(page, "zero");
      }
    };

    let next = range.page;
    for (const old of this.#older.within(range)) {
      addNew(next, old.page);
      next = endOf(old);
      if (old.kind === "base") {
        addNew(old.page, next);
        continue;
      }
      const before = await this.#read(old);
      const now = bytes.subarray((old.page - range.page) * PAGE_BYTES, (next - range.page) * PAGE_BYTES);
      if (now.equals(before)) continue;
      for (let index = 0; index < old.count; index++) {
        const content = pageAt(now, index);
        if (!content.equals(pageAt(before, index))) add(old.page + index, isZero(content) ? "zero" : "data");
      }
    }
    addNew(next, endOf(range));
  }

  async #read({ kind, count, source, offset }: PageRun<PageSource>): Promise<Buffer> {
    const bytes = this.#olderContent.subarray(0, count * PAGE_BYTES);
    if (kind === "zero") bytes.fill(0);
    else await source.read(bytes, offset);
    return bytes;
  }
}
