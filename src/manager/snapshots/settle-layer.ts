import { existsSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { stampOf } from "../../host/file-stamp.ts";
import { readQcow2Header } from "../../images/qcow2-overlay.ts";
import { removeDeadClaims } from "../../process/claim-lock.ts";
import type { VMRecord } from "../../state/vm-record.ts";
import { askVmm } from "../ask-vmm.ts";
import type { ManagerContext } from "../context.ts";
import { removeDisk } from "../vm-files.ts";
import { filesOf, hasMemory } from "./layer-chain.ts";
import type { Layer } from "./layer-record.ts";
import { releaseLayers } from "./release-layers.ts";

/** Puts right what a process that died left of the layers of a VM that it was making. The caller holds the VM. */
export async function settleLayers(context: ManagerContext, record: VMRecord): Promise<void> {
  for (const layer of context.layers.abandoned(record.id)) {
    if (layer.manifest === null && (await hasTakenOverlay(context, record, layer))) context.layers.putOverlay(layer);
    await undoLayer(context, layer.id);
  }
}

/** Lets go of the layers that dead processes made, of VMs that are gone. */
export async function settleOrphanedLayers(context: ManagerContext): Promise<void> {
  for (const { id, vmId } of context.layers.abandoned()) {
    if (context.vms.find(vmId) === undefined) await undoLayer(context, id);
    // Whole, and held for forks that nobody makes any more.
    else if ((context.layers.find(id)?.manifest ?? null) !== null) context.layers.letGo(id);
  }
  await releaseLayers(context);
}

/** Removes the saved memory of layers that are gone, or have none, and the claims of dead processes to put some together. */
export async function removeOrphanedLayers(context: ManagerContext): Promise<void> {
  for (const name of namesIn(context.layerDir).filter((each) => each.startsWith("layer-"))) {
    const layer = context.layers.find(name);
    // One that is being made has no manifest yet.
    if (layer === undefined || (layer.manifest !== null && !hasMemory(layer))) {
      await rm(join(context.layerDir, name), { recursive: true, force: true });
    }
  }
  await removeDeadClaims(join(context.layerDir, ".locks"));
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // never made
  }
}

/**
 * Takes back a layer that was not finished. Where the VM's disk lies on it already it stays as that: a disk, without a memory.
 * One that is whole is let go of.
 */
export async function undoLayer(context: ManagerContext, layerId: string): Promise<void> {
  const layer = context.layers.find(layerId);
  if (layer === undefined) return;
  if (layer.manifest === null) await dropUnfinished(context, layer);
  else context.layers.letGo(layerId);
  await releaseLayers(context);
}

async function dropUnfinished(context: ManagerContext, layer: Layer): Promise<void> {
  const { id, overlayPath, diskPath } = layer;
  const isUsed = (path: string): boolean => context.vms.isDisk(path) || context.vms.isRetainedDisk(path);
  const isPut = overlayPath !== null && isUsed(overlayPath);
  await rm(filesOf(context, id).dir, { recursive: true, force: true });
  if (!isPut) {
    if (overlayPath !== null) removeDisk(overlayPath);
    // That of a VM which is gone is nobody's.
    if (diskPath !== null && !isUsed(diskPath)) removeDisk(diskPath);
    context.layers.dropDisk(id);
  }
  const disk = isPut && diskPath !== null ? stampOf(diskPath) : null;
  context.layers.finish(id, { formatVersion: 1, purpose: "snapshot", disk, memory: null });
}

/** Whether the VM writes to the overlay, although nobody had the time to write that down. */
async function hasTakenOverlay(context: ManagerContext, record: VMRecord, layer: Layer): Promise<boolean> {
  const { overlayPath } = layer;
  if (overlayPath === null || record.diskPath === overlayPath || !existsSync(overlayPath)) return false;
  const current = await askVmm(context, record, (control) => control.diskPath());
  if (current !== undefined) return current === overlayPath;
  // Nothing in it, or no disk at all: then the one below is as good.
  return (await readQcow2Header(overlayPath))?.isEmpty === false;
}
