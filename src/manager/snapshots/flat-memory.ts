import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { SmolVMError } from "../../errors/smolvm-error.ts";
import { type FileStamp, problemOf, stampOf } from "../../host/file-stamp.ts";
import { acquireLock } from "../../process/claim-lock.ts";
import { debugLog } from "../../process/debug-log.ts";
import { allocateMemory } from "../../snapshots/memory/allocate-memory.ts";
import { type ComposeOptions, composeMemory } from "../../snapshots/memory/compose-memory.ts";
import type { ManagerContext } from "../context.ts";
import { filesOf, memoryLayers, type SavedLayer } from "./layer-chain.ts";
import { type FlatMemory, SharedMemory } from "./shared-memory.ts";

const MIB = 1024 * 1024;

/** The files that make up a memory. */
export interface MemorySources {
  /** A file of the memory's size; undefined: zeros. */
  readonly basePath: string | undefined;
  /** Pages files to lay over it, the oldest first. */
  readonly pages: readonly string[];
}

/** Those that this process is making. */
const making = new Map<string, SharedMemory>();

/**
 * The flat file of a layer's memory; made at the first start from it, and shared by all that follow. A file that was damaged is
 * made anew.
 */
export async function flatMemoryOf(
  context: ManagerContext,
  layer: SavedLayer,
  signal?: AbortSignal,
): Promise<FlatMemory> {
  const path = filesOf(context, layer.id).memoryPath;
  if (making.get(path) === undefined && (await isWhole(path))) return { path, ready: Promise.resolve() };
  for (;;) {
    signal?.throwIfAborted();
    const current = making.get(path);
    if (current?.isGivenUp === false) return await current.join(signal);
    await current?.ended;
    if (making.get(path) !== undefined) continue;
    const shared = new SharedMemory((givenUp) => make(context, layer, path, givenUp));
    making.set(path, shared);
    void shared.ended.then(() => making.delete(path));
  }
}

/**
 * Lets the flat file of a layer be what holds its memory, as VMs map it anyway: pages and layers below are needed no more. So a VM
 * that is hibernated again and again takes up no more room each time.
 */
export async function keepFlatMemory(context: ManagerContext, layer: SavedLayer): Promise<void> {
  const { memoryPath, pagesPath } = filesOf(context, layer.id);
  if (layer.manifest.memory.whole !== undefined) return;
  const memory = { ...layer.manifest.memory, pages: null, base: null, whole: stampOf(memoryPath) };
  context.layers.cutMemory(layer.id, { ...layer.manifest, memory });
  await rm(pagesPath, { force: true });
}

async function make(
  context: ManagerContext,
  layer: SavedLayer,
  path: string,
  signal: AbortSignal | undefined,
): Promise<FlatMemory> {
  const lock = await acquireLock(join(context.layerDir, ".locks", layer.id), { signal });
  try {
    if (await isWhole(path)) {
      await lock[Symbol.asyncDispose]();
      return { path, ready: Promise.resolve() };
    }
    const { memoryMiB, whole } = layer.manifest.memory;
    if (whole !== undefined) throw new SmolVMError("SNAPSHOT_CORRUPT", `${path} was written to`, { details: { path } });
    const sizeBytes = memoryMiB * MIB;
    const { basePath, pages } = partsOf(context, layer);
    await rm(path, { force: true });
    const allocated = await allocateMemory(path, sizeBytes, basePath);
    const order = { targetPath: path, sizeBytes, basePath, pages, allocated, signal };
    const ready = fill(order, lock, () => partsOf(context, layer));
    // Whoever starts a VM from it hears of a failure; nobody may be listening yet.
    ready.catch(() => {});
    return { path, ready };
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

async function fill(order: ComposeOptions, lock: AsyncDisposable, partsNow: () => MemorySources): Promise<void> {
  await using _held = lock;
  const { targetPath: path } = order;
  const startMs = performance.now();
  try {
    await composeMemory(order).catch(async (error: unknown) => {
      // A VM below that was woken meanwhile has its memory in one file now, and its pages are gone.
      const parts = partsNow();
      if (isDeepStrictEqual(parts, { basePath: order.basePath, pages: order.pages })) throw error;
      await composeMemory({ ...order, ...parts });
    });
  } catch (error) {
    // What was written of it may be what has filled the disk.
    await rm(path, { force: true });
    throw error;
  }
  await sealFlatMemory(path);
  debugLog("memory.composed", { path, durationMs: performance.now() - startMs });
}

/** Says of a flat file that it is whole: from then on it is taken as it is. */
export async function sealFlatMemory(path: string): Promise<void> {
  await writeFile(stampPath(path), JSON.stringify(stampOf(path)), { mode: 0o600 });
}

/** What makes up a memory: from the nearest layer below that is kept as one file, else from the template, else from nothing. */
export function partsOf(context: ManagerContext, layer: SavedLayer): MemorySources {
  const layers = memoryLayers(context, layer.id);
  const lowest = layers.findLastIndex(({ manifest }) => manifest.memory.whole !== undefined);
  const whole = layers[lowest];
  const base = layers[0]?.manifest.memory.base ?? null;
  const template = base === null ? undefined : context.templates.memoryPath(base.template);
  return {
    basePath: whole === undefined ? template : filesOf(context, whole.id).memoryPath,
    pages: layers
      .slice(lowest + 1)
      .filter(({ manifest }) => manifest.memory.pages !== null)
      .map(({ id }) => filesOf(context, id).pagesPath),
  };
}

async function isWhole(path: string): Promise<boolean> {
  try {
    const stamp = JSON.parse(await readFile(stampPath(path), "utf8")) as FileStamp;
    return problemOf(path, stamp) === undefined;
  } catch {
    return false; // it was not finished
  }
}

function stampPath(path: string): string {
  return `${path}.stamp`;
}
