import { randomBytes } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { fileFailure, readFully } from "./file-bytes.ts";
import { isZero, PAGE_BYTES, pageAt, WINDOW_BYTES, WINDOW_PAGES } from "./page.ts";
import { endOf, joinRanges, type PageRange } from "./page-run.ts";

/** The file beside a flat file that says which of its pages hold something. Node cannot ask the file system for holes. */
export function extentsPath(path: string): string {
  return `${path}.extents`;
}

interface Extents {
  readonly formatVersion: 1;
  /** What the flat file was when they were made: they do not count for one that was written to since. */
  readonly stamp: string;
  /** First page and number of pages, by turns. */
  readonly pages: readonly number[];
}

/**
 * Looks which pages of a flat file hold something, and writes it down beside the file. To be called when nobody writes to the
 * file any more.
 *
 * @throws {SmolVMError} `IO_ERROR` where a file cannot be read or written.
 */
export async function writeExtents(path: string, signal?: AbortSignal): Promise<void> {
  await writeKnownExtents(path, await scanExtents(path, signal));
}

/** Writes down what is known already of which pages hold something. */
export async function writeKnownExtents(path: string, ranges: readonly PageRange[]): Promise<void> {
  const target = extentsPath(path);
  const partialPath = `${target}.${randomBytes(6).toString("hex")}.partial`;
  try {
    const extents: Extents = {
      formatVersion: 1,
      stamp: stampOf(await stat(path, { bigint: true })),
      pages: joinRanges(ranges).flatMap(({ page, count }) => [page, count]),
    };
    await writeFile(partialPath, JSON.stringify(extents), { flag: "wx", mode: 0o400 });
    await rename(partialPath, target);
  } catch (cause) {
    await rm(partialPath, { force: true });
    throw fileFailure(target, cause);
  }
}

/** The pages of a flat file that hold something, as written down; undefined when nothing is, or the file has changed since. */
export async function readExtents(path: string): Promise<readonly PageRange[] | undefined> {
  try {
    const stats = await stat(path, { bigint: true });
    const { formatVersion, stamp, pages } = JSON.parse(await readFile(extentsPath(path), "utf8")) as Extents;
    if (formatVersion !== 1 || stamp !== stampOf(stats)) return undefined;
    return toRanges(pages, Number(stats.size) / PAGE_BYTES);
  } catch {
    return undefined; // what cannot be read says nothing
  }
}

/** The pages of a flat file that hold something, found out where nothing is written down. */
export async function extentsOf(path: string, signal?: AbortSignal): Promise<readonly PageRange[]> {
  return (await readExtents(path)) ?? (await scanExtents(path, signal));
}

function toRanges(pages: readonly number[], end: number): readonly PageRange[] | undefined {
  const ranges: PageRange[] = [];
  let next = 0;
  for (let at = 0; at < pages.length; at += 2) {
    const range = { page: pages[at] as number, count: pages[at + 1] as number };
    const isWhole = Number.isSafeInteger(range.page) && Number.isSafeInteger(range.count);
    if (!isWhole || range.page < next || range.count < 1 || endOf(range) > end) return undefined;
    ranges.push(range);
    next = endOf(range);
  }
  return ranges;
}

async function scanExtents(path: string, signal: AbortSignal | undefined): Promise<readonly PageRange[]> {
  try {
    await using file = await open(path);
    const pages = (await file.stat()).size / PAGE_BYTES;
    const buffer = Buffer.allocUnsafeSlow(WINDOW_BYTES);
    const found: PageRange[] = [];
    for (let start = 0; start < pages; start += WINDOW_PAGES) {
      signal?.throwIfAborted();
      const count = Math.min(WINDOW_PAGES, pages - start);
      const bytes = buffer.subarray(0, count * PAGE_BYTES);
      if (!(await readFully(file, bytes, start * PAGE_BYTES))) throw new Error("it became shorter");
      if (isZero(bytes)) continue;
      for (let index = 0; index < count; index++) {
        if (!isZero(pageAt(bytes, index))) found.push({ page: start + index, count: 1 });
      }
    }
    return joinRanges(found);
  } catch (cause) {
    throw fileFailure(path, cause);
  }
}

/** Renaming keeps it, and so does a change of mode; writing does not, and neither does a copy. */
function stampOf({ ino, size, mtimeNs }: BigIntStats): string {
  return `${ino}:${size}:${mtimeNs}`;
}
