import { createHash, randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { fileFailure, writeAll } from "./file-bytes.ts";
import { PAGE_BYTES, WINDOW_BYTES, WINDOW_PAGES } from "./page.ts";
import { countPages, type PageRun } from "./page-run.ts";
import type { PageStore } from "./page-store.ts";
import { encodeIndex } from "./pages-file-format.ts";

/** What was written. */
export interface WrittenPages {
  /** Pages whose data the file holds. */
  readonly pages: number;
  /** Size of the file. */
  readonly bytes: number;
  /** Digest of the file. */
  readonly sha256: string;
}

/** Writes captured pages to a file, which is whole from the moment it has its name. */
export async function writePagesFile(
  path: string,
  sizeBytes: number,
  runs: readonly PageRun<PageStore>[],
  signal?: AbortSignal,
): Promise<WrittenPages> {
  const index = encodeIndex(sizeBytes, runs);
  const partialPath = `${path}.${randomBytes(6).toString("hex")}.partial`;
  const hash = createHash("sha256");
  try {
    const file = await open(partialPath, "wx", 0o600);
    try {
      let position = 0;
      for await (const batch of batches(index, runs)) {
        signal?.throwIfAborted();
        const writing = writeAll(file, batch, position);
        for (const bytes of batch) hash.update(bytes);
        position += await writing;
      }
      await file.chmod(0o400);
    } finally {
      await file.close();
    }
    await rename(partialPath, path);
  } catch (cause) {
    await rm(partialPath, { force: true });
    throw fileFailure(path, cause);
  }
  const pages = countPages(runs.filter(({ kind }) => kind === "data"));
  return { pages, bytes: index.length + pages * PAGE_BYTES, sha256: hash.digest("hex") };
}

/** The content of the file, in parts that are written at once. Each is done with before the next is asked for. */
async function* batches(index: Buffer, runs: readonly PageRun<PageStore>[]): AsyncGenerator<Buffer[]> {
  const scratch = Buffer.allocUnsafeSlow(WINDOW_BYTES);
  let batch = [index];
  let batchBytes = index.length;
  for (const { kind, source: store, offset, count } of runs) {
    if (kind !== "data") continue;
    for (let done = 0; done < count;) {
      const slot = offset / PAGE_BYTES + done;
      const pages = store.contiguous(slot, Math.min(WINDOW_PAGES, count - done));
      const bytes = await store.get(slot, pages, scratch);
      batch.push(bytes);
      batchBytes += bytes.length;
      done += pages;
      // What was read into `scratch` must be written before the next is read.
      if (batchBytes < WINDOW_BYTES && store.isInMemory(slot)) continue;
      yield batch;
      batch = [];
      batchBytes = 0;
    }
  }
  if (batch.length > 0) yield batch;
}
