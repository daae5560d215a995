import { readFileSync, readSync } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { HostError } from "../../errors/smolvm-error.ts";
import type { MemoryRegion } from "../../process/memory-region.ts";
import { inParallel } from "./in-parallel.ts";
import { memoryFailure, memoryGone } from "./memory-unreadable-error.ts";
import { PAGE_BYTES } from "./page.ts";
import type { PageRange } from "./page-run.ts";

/** An entry of `/proc/PID/pagemap`, one a page. */
const ENTRY_BYTES = 8;
/** Entries read at once: of 128 MiB of memory, so that a common VM keeps all workers busy. */
const ENTRIES_AT_ONCE = 32_768;

/** One region of another process's memory, open for reading. */
export class ProcessMemory implements AsyncDisposable {
  readonly region: MemoryRegion;
  readonly #memory: FileHandle;
  readonly #pagemap: FileHandle;

  private constructor(region: MemoryRegion, memory: FileHandle, pagemap: FileHandle) {
    this.region = region;
    this.#memory = memory;
    this.#pagemap = pagemap;
  }

  /** @throws {HostError} one that `isMemoryUnreadable` knows when the process is gone, or not ours to read. */
  static async open(region: MemoryRegion): Promise<ProcessMemory> {
    const files: FileHandle[] = [];
    try {
      for (const name of ["mem", "pagemap"]) files.push(await open(`/proc/${region.pid}/${name}`));
      const [memory, pagemap] = files as [FileHandle, FileHandle];
      assertPageSize();
      const opened = new ProcessMemory(region, memory, pagemap);
      // What is not there looks in the page map like what nobody has touched.
      const page = Buffer.alloc(PAGE_BYTES);
      for (const number of [0, region.sizeBytes / PAGE_BYTES - 1]) await opened.read(number, page);
      return opened;
    } catch (cause) {
      await Promise.all(files.map((file) => file.close()));
      throw cause instanceof HostError ? cause : memoryFailure(region, cause);
    }
  }

  /** The pages that are the process's own: not those of the mapped file, and not those that nobody has touched yet. */
  async changedPages(signal?: AbortSignal): Promise<PageRange[]> {
    const blocks: PageRange[][] = [];
    const pages = this.region.sizeBytes / PAGE_BYTES;
    const starts = Array.from({ length: Math.ceil(pages / ENTRIES_AT_ONCE) }, (_, index) => index * ENTRIES_AT_ONCE);
    await inParallel(
      starts,
      async (start) => {
        const entries = new Uint32Array(2 * Math.min(ENTRIES_AT_ONCE, pages - start));
        const position = (Number(this.region.address) / PAGE_BYTES + start) * ENTRY_BYTES;
        await this.#fill(this.#pagemap, entries, position);
        blocks[start / ENTRIES_AT_ONCE] = findChanged(entries, start);
      },
      signal,
    );
    return blocks.flat();
  }

  /** Fills `target` with the pages that begin with this one. */
  async read(page: number, target: Buffer): Promise<void> {
    await this.#fill(this.#memory, target, this.#positionOf(page));
  }

  /** The same, at once. For a few pages this takes less time than to have a thread of libuv do it. */
  readNow(page: number, target: Buffer): void {
    let bytesRead: number;
    try {
      bytesRead = readSync(this.#memory.fd, target, 0, target.length, this.#positionOf(page));
    } catch (cause) {
      throw memoryFailure(this.region, cause);
    }
    if (bytesRead !== target.length) throw memoryGone(this.region);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#memory.close(), this.#pagemap.close()]);
  }

  #positionOf(page: number): number {
    return Number(this.region.address) + page * PAGE_BYTES;
  }

  async #fill(file: FileHandle, target: Buffer | Uint32Array, position: number): Promise<void> {
    for (let done = 0; done < target.byteLength;) {
      const { bytesRead } = await file
        .read(target, done, target.byteLength - done, position + done)
        .catch((cause: unknown) => {
          throw memoryFailure(this.region, cause);
        });
      if (bytesRead === 0) throw memoryGone(this.region);
      done += bytesRead;
    }
  }
}

/**
 * Bits of an entry, as in the kernel's Documentation/admin-guide/mm/pagemap.rst, of its upper half: 63 the page is present, 62 it
 * is swapped out, 61 it is a file's or shared. A page that is present or swapped out without the last one is a private one.
 */
function findChanged(entries: Uint32Array, firstPage: number): PageRange[] {
  const ranges: PageRange[] = [];
  let start = -1;
  const pages = entries.length / 2;
  for (let page = 0; page < pages; page++) {
    const flags = (entries[2 * page + 1] as number) >>> 29;
    const isChanged = flags > 1 && (flags & 1) === 0;
    if (isChanged === start >= 0) continue;
    if (!isChanged) ranges.push({ page: firstPage + start, count: page - start });
    start = isChanged ? page : -1;
  }
  if (start >= 0) ranges.push({ page: firstPage + start, count: pages - start });
  return ranges;
}

/** Other sizes exist on arm64. Node does not tell; the kernel does, in the auxiliary vector (getauxval(3), `AT_PAGESZ`). */
function assertPageSize(): void {
  const AT_PAGESZ = 6n;
  const vector = readFileSync("/proc/self/auxv");
  for (let at = 0; at + 16 <= vector.length; at += 16) {
    if (vector.readBigUInt64LE(at) !== AT_PAGESZ || vector.readBigUInt64LE(at + 8) === BigInt(PAGE_BYTES)) continue;
    const pageBytes = vector.readBigUInt64LE(at + 8);
    throw Object.assign(new Error(`pages of this machine are ${pageBytes} bytes`), { code: "EIO" });
  }
}
