import type { MemoryRegion } from "../../process/memory-region.ts";
import { CapturedMemory } from "./captured-memory.ts";
import { copyPages } from "./copy-pages.ts";
import type { PageRange } from "./page-run.ts";
import { MAX_PAGES_IN_MEMORY, PageStore } from "./page-store.ts";
import { ProcessMemory } from "./process-memory.ts";

/** Where a capture puts what does not fit into memory, and when it gives up. */
export interface CaptureOptions {
  /** A directory for a file that is gone before anybody sees it; needed for more than 256 MiB of changed pages. */
  readonly directory: string;
  readonly signal?: AbortSignal | undefined;
}

/** What lies below the memory. */
export interface CaptureSource {
  /** Whether the memory is a private mapping of a file. Then a page of zeros is a change like any other. */
  readonly hasBase: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Copies what has changed in a paused VM's memory. {@link prepareCapture} makes the pause shorter.
 *
 * @throws {HostError} one that `isMemoryUnreadable` knows when the memory cannot be read from outside.
 */
export async function captureMemory(
  region: MemoryRegion,
  options: CaptureOptions & CaptureSource,
): Promise<CapturedMemory> {
  const store = new PageStore(options.directory);
  try {
    await using memory = await ProcessMemory.open(region);
    return await capture(memory, store, options);
  } catch (error) {
    await store.release();
    throw error;
  }
}

/**
 * Does before the pause what can be done before it. The pages that have changed so far are copied, to no other end than that the
 * copy after them is fast: for a buffer that is used for the first time the kernel needs longer than for the copy, and pages
 * that are swapped out come back. It also shows whether the memory can be read, before the VM is paused.
 *
 * @throws {HostError} one that `isMemoryUnreadable` knows when the memory cannot be read from outside.
 */
export async function prepareCapture(region: MemoryRegion, options: CaptureOptions): Promise<PreparedCapture> {
  const store = new PageStore(options.directory);
  const memory = await ProcessMemory.open(region);
  const prepared = new PreparedCapture(memory, store);
  try {
    const ranges = await memory.changedPages(options.signal);
    await copyPages(memory, [...firstPages(ranges, MAX_PAGES_IN_MEMORY)], store, options.signal);
    return prepared;
  } catch (error) {
    await prepared[Symbol.asyncDispose]();
    throw error;
  }
}

/** A capture that is ready; disposing it gives back what it holds, without what was captured. */
class PreparedCapture implements AsyncDisposable {
  readonly #memory: ProcessMemory;
  #store: PageStore | undefined;

  constructor(memory: ProcessMemory, store: PageStore) {
    this.#memory = memory;
    this.#store = store;
  }

  /** Copies what has changed in the memory, once. To be called while the VM is paused. */
  async capture(source: CaptureSource): Promise<CapturedMemory> {
    const store = this.#store;
    if (store === undefined) throw new Error("a prepared capture is made once");
    this.#store = undefined;
    try {
      return await capture(this.#memory, store, source);
    } catch (error) {
      await store.release();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const store = this.#store;
    this.#store = undefined;
    await store?.release();
    await this.#memory[Symbol.asyncDispose]();
  }
}

export type { PreparedCapture };

async function capture(memory: ProcessMemory, store: PageStore, source: CaptureSource): Promise<CapturedMemory> {
  const ranges = await memory.changedPages(source.signal);
  await copyPages(memory, ranges, store, source.signal);
  return new CapturedMemory({ sizeBytes: memory.region.sizeBytes, hasBase: source.hasBase, ranges, store });
}

/** The first so many pages of the ranges. */
function* firstPages(ranges: readonly PageRange[], pages: number): Generator<PageRange> {
  let left = pages;
  for (const { page, count } of ranges) {
    if (left <= 0) return;
    yield { page, count: Math.min(count, left) };
    left -= count;
  }
}
