import { randomBytes } from "node:crypto";
import { open, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { PAGE_BYTES } from "./page.ts";
import { fileFailure, readFully, writeFully } from "./file-bytes.ts";

/** Pages that lie in one buffer (8 MiB). */
const BUFFER_PAGES = 2048;
/** What is kept in memory at most (256 MiB); the rest goes to a file, which is slower and bounds what the host must have. */
export const MAX_PAGES_IN_MEMORY = 65_536;

/**
 * Where captured pages are kept until they are written out: in slots that are numbered from 0. The file that takes what does
 * not fit into memory has no name, so that nothing is left of it when this process dies.
 */
export class PageStore {
  readonly #directory: string;
  readonly #maxPagesInMemory: number;
  readonly #buffers: Buffer[] = [];
  #overflow: Promise<FileHandle> | undefined;

  constructor(directory: string, maxPagesInMemory: number = MAX_PAGES_IN_MEMORY) {
    this.#directory = directory;
    this.#maxPagesInMemory = maxPagesInMemory;
  }

  /** How many slots, `count` at most, can be worked on at once from `slot` on: they lie side by side. */
  contiguous(slot: number, count: number): number {
    return this.isInMemory(slot)
      ? Math.min(count, BUFFER_PAGES - (slot % BUFFER_PAGES), this.#maxPagesInMemory - slot)
      : count;
  }

  isInMemory(slot: number): boolean {
    return slot < this.#maxPagesInMemory;
  }

  /** Contiguous slots in memory, to be written to. */
  view(slot: number, count: number): Buffer {
    const index = Math.floor(slot / BUFFER_PAGES);
    const buffer = (this.#buffers[index] ??= Buffer.allocUnsafeSlow(BUFFER_PAGES * PAGE_BYTES));
    const start = (slot % BUFFER_PAGES) * PAGE_BYTES;
    return buffer.subarray(start, start + count * PAGE_BYTES);
  }

  /**
   * Keeps the content of slots that are not in memory.
   *
   * @throws {HostError} `NO_SPACE` or `IO_ERROR`.
   */
  async spill(slot: number, bytes: Buffer): Promise<void> {
    try {
      const file = await (this.#overflow ??= openUnnamed(this.#directory));
      await writeFully(file, bytes, this.#positionOf(slot));
    } catch (cause) {
      throw fileFailure(this.#directory, cause);
    }
  }

  /** The content of contiguous slots: a view of it, or read into `scratch`. */
  async get(slot: number, count: number, scratch: Buffer): Promise<Buffer> {
    if (this.isInMemory(slot)) return this.view(slot, count);
    const bytes = scratch.subarray(0, count * PAGE_BYTES);
    const file = await this.#overflow;
    if (file === undefined || !(await readFully(file, bytes, this.#positionOf(slot))))
      throw new Error("slots are empty");
    return bytes;
  }

  /** Gives everything back, at once: buffers of this size are not left to the garbage collector. Nobody may be using them. */
  async release(): Promise<void> {
    // Not in a loop: after a capture that was given up some were never made.
    this.#buffers.splice(0).forEach(({ buffer }) => (buffer as ArrayBuffer).transfer(0));
    const overflow = this.#overflow;
    this.#overflow = undefined;
    await overflow?.then(
      (file) => file.close(),
      () => {
        // It could not be opened, which the writer was told.
      },
    );
  }

  #positionOf(slot: number): number {
    return (slot - this.#maxPagesInMemory) * PAGE_BYTES;
  }
}

async function openUnnamed(directory: string): Promise<FileHandle> {
  const path = join(directory, `.pages-${randomBytes(8).toString("hex")}`);
  const file = await open(path, "wx+", 0o600);
  await rm(path);
  return file;
}
