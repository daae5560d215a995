import { PAGE_BYTES } from "../../../src/snapshots/memory/page.ts";
import { CapturedMemory } from "../../../src/snapshots/memory/captured-memory.ts";
import type { PageRange } from "../../../src/snapshots/memory/page-run.ts";
import { PageStore } from "../../../src/snapshots/memory/page-store.ts";

/** The memory that tests are about: so many pages of 4 KiB. */
export const PAGES = 1_500;
export const SIZE_BYTES: number = PAGES * PAGE_BYTES;

/** A page that holds this text over and over; zeros for the empty one. */
export function pageOf(text: string): Buffer {
  return text === "" ? Buffer.alloc(PAGE_BYTES) : Buffer.alloc(PAGE_BYTES, text);
}

/** What a memory looks like of which only some pages hold something. */
export function memoryOf(content: Readonly<Record<number, string>>): Buffer {
  const memory = Buffer.alloc(SIZE_BYTES);
  for (const [page, text] of Object.entries(content)) pageOf(text).copy(memory, Number(page) * PAGE_BYTES);
  return memory;
}

/** A captured memory with these changed pages, as if it had been read from a process; some pages are kept in a file. */
export async function capturedOf(
  content: Readonly<Record<number, string>>,
  options: { readonly directory: string; readonly hasBase: boolean; readonly maxPagesInMemory?: number },
): Promise<CapturedMemory> {
  const store = new PageStore(options.directory, options.maxPagesInMemory);
  const pages = Object.keys(content).map(Number);
  for (const [slot, page] of pages.entries()) {
    const bytes = pageOf(content[page] ?? "");
    if (store.isInMemory(slot)) bytes.copy(store.view(slot, 1));
    else await store.spill(slot, bytes);
  }
  return new CapturedMemory({ sizeBytes: SIZE_BYTES, hasBase: options.hasBase, ranges: rangesOf(pages), store });
}

function rangesOf(pages: readonly number[]): PageRange[] {
  const ranges: { page: number; count: number }[] = [];
  for (const page of pages) {
    const last = ranges.at(-1);
    if (last !== undefined && last.page + last.count === page) last.count += 1;
    else ranges.push({ page, count: 1 });
  }
  return ranges;
}
