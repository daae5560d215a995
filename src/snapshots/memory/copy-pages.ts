import { setImmediate } from "node:timers/promises";
import { inParallel, perWorker } from "./in-parallel.ts";
import { PAGE_BYTES, WINDOW_BYTES, WINDOW_PAGES } from "./page.ts";
import type { PageRange } from "./page-run.ts";
import type { PageStore } from "./page-store.ts";
import type { ProcessMemory } from "./process-memory.ts";

/** Fewer pages are read at once, without a thread: to hand the work over takes as long as 16 pages. */
const MIN_PAGES_FOR_THREAD = 32;
/** So many pages are read at once before others have their turn, which takes about 0.1 ms. */
const MAX_PAGES_AT_ONCE = 128;

/** Pages that can be read at once: they and their slots lie side by side. */
interface Piece extends PageRange {
  readonly slot: number;
}

/** Copies pages to the store, where they take the slots from 0 on, in the order of their numbers. */
export async function copyPages(
  memory: ProcessMemory,
  ranges: readonly PageRange[],
  store: PageStore,
  signal?: AbortSignal,
): Promise<void> {
  const scratch = perWorker(() => Buffer.allocUnsafeSlow(WINDOW_BYTES));
  const copyPiece = async ({ page, count, slot }: Piece, worker: number): Promise<void> => {
    if (store.isInMemory(slot)) return await memory.read(page, store.view(slot, count));
    const bytes = scratch(worker).subarray(0, count * PAGE_BYTES);
    await memory.read(page, bytes);
    await store.spill(slot, bytes);
  };
  await inParallel(
    batches(ranges, store),
    async (batch, worker) => {
      if (!isShort(batch[0], store)) return await copyPiece(batch[0], worker);
      for (const { page, count, slot } of batch) memory.readNow(page, store.view(slot, count));
      await setImmediate();
    },
    signal,
  );
}

type Batch = [Piece, ...Piece[]];

/** Long pieces one by one, and short ones together. */
function* batches(ranges: readonly PageRange[], store: PageStore): Generator<Batch> {
  let batch: Batch | undefined;
  let pages = 0;
  for (const piece of pieces(ranges, store)) {
    if (!isShort(piece, store)) {
      yield [piece];
      continue;
    }
    if (batch === undefined) batch = [piece];
    else batch.push(piece);
    pages += piece.count;
    if (pages < MAX_PAGES_AT_ONCE) continue;
    yield batch;
    batch = undefined;
    pages = 0;
  }
  if (batch !== undefined) yield batch;
}

function isShort({ slot, count }: Piece, store: PageStore): boolean {
  return count < MIN_PAGES_FOR_THREAD && store.isInMemory(slot);
}

function* pieces(ranges: readonly PageRange[], store: PageStore): Generator<Piece> {
  let slot = 0;
  for (const range of ranges) {
    for (let done = 0; done < range.count;) {
      const count = store.contiguous(slot, Math.min(WINDOW_PAGES, range.count - done));
      yield { page: range.page + done, count, slot };
      done += count;
      slot += count;
    }
  }
}
