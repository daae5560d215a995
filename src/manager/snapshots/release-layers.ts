import { rm } from "node:fs/promises";
import type { ManagerContext } from "../context.ts";
import { sweepTemplates } from "../template-cleanup.ts";
import { removeDisk } from "../vm-files.ts";
import { filesOf } from "./layer-chain.ts";

/** Removes all layers that nothing lies on any more, the memory of those that only disks lie on, and flat files without a use. */
export async function releaseLayers(context: ManagerContext): Promise<void> {
  const unused = context.layers.takeUnused();
  for (const { id, diskPath, overlayPath } of unused) {
    if (diskPath !== null) removeDisk(diskPath);
    if (overlayPath !== null) removeDisk(overlayPath);
    await rm(filesOf(context, id).dir, { recursive: true, force: true });
  }
  for (const id of context.layers.takeUnusedMemory()) {
    await rm(filesOf(context, id).dir, { recursive: true, force: true });
  }
  if (unused.some(({ template }) => template !== null)) sweepTemplates(context);
}
