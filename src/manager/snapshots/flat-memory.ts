import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type FileStamp, problemOf, stampOf } from "../../host/file-stamp.ts";
import { acquireLock } from "../../process/claim-lock.ts";
import { debugLog } from "../../process/debug-log.ts";
import { allocateMemory } from "../../snapshots/memory/allocate-memory.ts";
import { type ComposeOptions, composeMemory } from "../../snapshots/memory/compose-memory.ts";
import type { ManagerContext } from "../context.ts";
import { filesOf, memoryLayers, type SavedLayer } from "./layer-chain.ts";

const MIB = 1024 * 1024;

/** All of a saved memory in one file, which VMMs map. */
export interface FlatMemory {
  readonly path: string;
  /** The file has its size at once, and its content when this resolves. */
  readonly ready: Promise<void>;
}

/** Those that this process is making. */
const making = new Map<string, Promise<FlatMemory>>();

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
  const current = making.get(path);
  if (current !== undefined) return await current;
  if (await isWhole(path)) return { path, ready: Promise.resolve() };
  const made = make(context, layer, path, signal);
  making.set(path, made);
  const forget = (): void => void making.delete(path);
  made.then(({ ready }) => ready.then(forget, forget), forget);
  return await made;
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
    const sizeBytes = layer.manifest.memory.memoryMiB * MIB;
    const { basePath, pages } = partsOf(context, layer);
    await rm(path, { force: true });
    const allocated = await allocateMemory(path, sizeBytes, basePath);
    const order = { targetPath: path, sizeBytes, basePath, pages, allocated, signal };
    const ready = fill(order, lock);
    // Whoever starts a VM from it hears of a failure; nobody may be listening yet.
    ready.catch(() => {});
    return { path, ready };
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

async function fill(order: ComposeOptions, lock: AsyncDisposable): Promise<void> {
  await using _held = lock;
  const { targetPath: path } = order;
  const startMs = performance.now();
  await composeMemory(order);
  await writeFile(stampPath(path), JSON.stringify(stampOf(path)), { mode: 0o600 });
  debugLog("memory.composed", { path, durationMs: performance.now() - startMs });
}

/** What makes up a memory: from the nearest layer below that has a flat file, else from the template, else from nothing. */
function partsOf(
  context: ManagerContext,
  layer: SavedLayer,
): { readonly basePath: string | undefined; readonly pages: readonly string[] } {
  const layers = memoryLayers(context, layer.id);
  const base = layers[0]?.manifest.memory.base ?? null;
  return {
    basePath: base === null ? undefined : context.templates.memoryPath(base.template),
    pages: layers
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
