import { open, rm } from "node:fs/promises";
import { type AllocatedMemory, allocateMemory } from "./allocate-memory.ts";
import { ComposedMemory, type MemoryParts, readWindow, windowBuffer } from "./composed-memory.ts";
import { readExtents, writeKnownExtents } from "./extents.ts";
import { fileFailure, writeFully } from "./file-bytes.ts";
import { inParallel, perWorker } from "./in-parallel.ts";
import { type PageRun, windowsOf } from "./page-run.ts";
import type { PageSource } from "./page-source.ts";

/** What a flat file is made of. */
export interface ComposeOptions extends MemoryParts {
  readonly targetPath: string;
  /** What `allocateMemory` made at `targetPath`; without it, nothing may be there. */
  readonly allocated?: AllocatedMemory | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes the flat file of a memory, which is sparse, and writes down beside it which of its pages hold something. A file
 * that it made is removed when it fails.
 *
 * @throws {SmolVMError} `SNAPSHOT_CORRUPT` for a damaged part, `NO_SPACE` and `IO_ERROR` where the file cannot be written.
 */
export async function composeMemory(options: ComposeOptions): Promise<void> {
  const { targetPath, sizeBytes, basePath } = options;
  await using memory = await ComposedMemory.open(options);
  const target = options.allocated ?? (await allocateMemory(targetPath, sizeBytes, basePath));
  try {
    await fill(memory, target, options);
  } catch (cause) {
    if (options.allocated === undefined) await rm(targetPath, { force: true });
    throw fileFailure(targetPath, cause);
  }
}

async function fill(memory: ComposedMemory, target: AllocatedMemory, options: ComposeOptions): Promise<void> {
  const { basePath, signal } = options;
  // Where the base is in the file already, what it holds need not be known, and is not found out.
  const isKnown = !target.isClone || basePath === undefined || (await readExtents(basePath)) !== undefined;
  const runs = isKnown ? await memory.runs(signal) : undefined;
  const holding = runs?.filter(({ kind }) => kind === "data");
  await write(target.path, (target.isClone ? undefined : holding) ?? memory.changes, signal);
  if (holding !== undefined) await writeKnownExtents(target.path, holding);
}

async function write(
  path: string,
  runs: readonly PageRun<PageSource>[],
  signal: AbortSignal | undefined,
): Promise<void> {
  await using file = await open(path, "r+");
  const target = perWorker(windowBuffer);
  const scratch = perWorker(windowBuffer);
  await inParallel(
    windowsOf(runs),
    async (window, worker) => {
      const pieces = await readWindow(window, target(worker), () => scratch(worker));
      for (const { offset, bytes } of pieces) await writeFully(file, bytes, offset);
    },
    signal,
  );
}
