import { statSync } from "node:fs";
import { SmolVMError } from "../../errors/smolvm-error.ts";
import { digestOf, type FileStamp, problemOf } from "../../host/file-stamp.ts";
import type { ManagerContext } from "../context.ts";
import { diskLayers, filesOf, hasMemory, memoryLayers } from "./layer-chain.ts";

/**
 * Checks that all files that make up a layer's disk and memory are as they were written: disks, pages and the template's memory
 * by size, time and inode, the state of the devices by its digest. What the pages hold is checked when they are read.
 *
 * @throws {SmolVMError} `SNAPSHOT_CORRUPT` that names the file.
 */
export async function assertIntact(context: ManagerContext, layerId: string): Promise<void> {
  for (const { diskPath, manifest } of diskLayers(context, layerId)) {
    const stamp = manifest?.disk ?? null;
    if (diskPath !== null && stamp !== null) assertSame(diskPath, stamp);
  }
  const layer = context.layers.get(layerId);
  if (!hasMemory(layer)) return;
  for (const { id, manifest } of memoryLayers(context, layerId)) {
    const { pages, base, whole } = manifest.memory;
    if (whole !== undefined) assertSame(filesOf(context, id).memoryPath, whole);
    if (pages !== null) assertSame(filesOf(context, id).pagesPath, pages.stamp);
    if (base !== null) assertSame(context.templates.memoryPath(base.template), base.stamp);
  }
  await assertState(filesOf(context, layerId).statePath, layer.manifest.memory.state);
}

async function assertState(
  path: string,
  state: { readonly sha256: string; readonly sizeBytes: number },
): Promise<void> {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw corrupt(path, "is missing");
  if (size !== state.sizeBytes) throw corrupt(path, `has ${size} bytes instead of ${state.sizeBytes}`);
  if ((await digestOf(path)) !== state.sha256) throw corrupt(path, "was altered");
}

function assertSame(path: string, stamp: FileStamp): void {
  const problem = problemOf(path, stamp);
  if (problem !== undefined) throw corrupt(path, problem);
}

function corrupt(path: string, problem: string): SmolVMError {
  return new SmolVMError("SNAPSHOT_CORRUPT", `${path} ${problem}`, { details: { path } });
}
