import { PAGE_BYTES, WINDOW_PAGES } from "./page.ts";

/** Consecutive pages of a memory. Lists of them are in ascending order and do not overlap. */
export interface PageRange {
  readonly page: number;
  readonly count: number;
}

/**
 * What pages are known to hold. `data`: bytes that lie elsewhere. `zero`: nothing but zeros. `base`: again what the memory
 * below all changes holds, since the guest's page was given back; where nothing lies below, zeros.
 */
export type PageKind = "data" | "zero" | "base";

/** Pages of one kind. Those of data lie one after the other in `source`, from byte `offset` on. */
export interface PageRun<Source> extends PageRange {
  readonly kind: PageKind;
  readonly source: Source;
  readonly offset: number;
}

/** The number of the first page after these. */
export function endOf({ page, count }: PageRange): number {
  return page + count;
}

/** How many pages these are. */
export function countPages(ranges: readonly PageRange[]): number {
  return ranges.reduce((sum, { count }) => sum + count, 0);
}

/** Ranges that touch each other as one. */
export function joinRanges(ranges: Iterable<PageRange>): PageRange[] {
  const joined: { page: number; count: number }[] = [];
  for (const { page, count } of ranges) {
    const last = joined.at(-1);
    if (last !== undefined && endOf(last) === page) last.count += count;
    else joined.push({ page, count });
  }
  return joined;
}

/** The pages of a run from `start` to before `end`. */
export function cutRun<Source>(run: PageRun<Source>, start: number, end: number): PageRun<Source> {
  if (start === run.page && end === endOf(run)) return run;
  return { ...run, page: start, count: end - start, offset: run.offset + (start - run.page) * PAGE_BYTES };
}

/** The parts of the runs that lie outside of the ranges. */
export function subtract<Source>(runs: readonly PageRun<Source>[], ranges: readonly PageRange[]): PageRun<Source>[] {
  const rest: PageRun<Source>[] = [];
  let index = 0;
  for (const run of runs) {
    let start = run.page;
    for (let range = ranges[index]; range !== undefined && range.page < endOf(run); range = ranges[index]) {
      if (start < range.page) rest.push(cutRun(run, start, range.page));
      start = Math.max(start, endOf(range));
      // One that reaches beyond this run covers a part of the next.
      if (endOf(range) > endOf(run)) break;
      index++;
    }
    if (start < endOf(run)) rest.push(cutRun(run, start, endOf(run)));
  }
  return rest;
}

/** Two lists without a common page as one. */
export function merge<Source>(some: readonly PageRun<Source>[], others: readonly PageRun<Source>[]): PageRun<Source>[] {
  return [...some, ...others].toSorted((a, b) => a.page - b.page);
}

/** What is seen when the upper runs lie on the lower ones. */
export function overlay<Source>(
  lower: readonly PageRun<Source>[],
  upper: readonly PageRun<Source>[],
): readonly PageRun<Source>[] {
  return lower.length === 0 ? upper : merge(subtract(lower, upper), upper);
}

/** The runs that lie in one window: the part of a memory that is worked on at once. They are not empty. */
export interface Window<Source> extends PageRange {
  readonly runs: readonly PageRun<Source>[];
}

/** Cuts runs into windows. */
export function* windowsOf<Source>(runs: Iterable<PageRun<Source>>): Generator<Window<Source>> {
  let page = 0;
  let gathered: PageRun<Source>[] = [];
  for (const run of runs) {
    for (let start = run.page; start < endOf(run);) {
      const windowStart = start - (start % WINDOW_PAGES);
      if (windowStart !== page && gathered.length > 0) {
        yield { page, count: WINDOW_PAGES, runs: gathered };
        gathered = [];
      }
      page = windowStart;
      const end = Math.min(endOf(run), windowStart + WINDOW_PAGES);
      gathered.push(cutRun(run, start, end));
      start = end;
    }
  }
  if (gathered.length > 0) yield { page, count: WINDOW_PAGES, runs: gathered };
}

/** Finds the runs of ranges that are asked for in ascending order. */
export class RunCursor<Source> {
  readonly #runs: readonly PageRun<Source>[];
  #index = 0;

  constructor(runs: readonly PageRun<Source>[]) {
    this.#runs = runs;
  }

  /** The parts of runs that lie in the range. */
  within(range: PageRange): PageRun<Source>[] {
    const found: PageRun<Source>[] = [];
    for (; ; this.#index++) {
      const run = this.#runs[this.#index];
      if (run === undefined || run.page >= endOf(range)) return found;
      const start = Math.max(run.page, range.page);
      const end = Math.min(endOf(run), endOf(range));
      if (start < end) found.push(cutRun(run, start, end));
      // The rest of it belongs to what is asked for next.
      if (endOf(run) > endOf(range)) return found;
    }
  }
}

/** Puts runs together from pages that are added in ascending order. */
export class RunList<Source> {
  readonly runs: PageRun<Source>[] = [];

  add(run: PageRun<Source>): void {
    const last = this.runs.at(-1);
    const continues =
      last !== undefined &&
      endOf(last) === run.page &&
      last.kind === run.kind &&
      last.source === run.source &&
      (run.kind !== "data" || last.offset + last.count * PAGE_BYTES === run.offset);
    if (continues) this.runs[this.runs.length - 1] = { ...last, count: last.count + run.count };
    else this.runs.push(run);
  }
}
