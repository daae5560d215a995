import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { stampOf } from "../../host/file-stamp.ts";
import { readQcow2Header } from "../../images/qcow2-overlay.ts";
import { isProcessRunning } from "../../process/process-identity.ts";
import type { VMRecord } from "../../state/vm-record.ts";
import { backendOf, type ManagerContext, pathsOf } from "../context.ts";
import { removeDisk } from "../vm-files.ts";
import { filesOf } from "./layer-chain.ts";
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
  }
  await releaseLayers(context);
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
  const isPut = overlayPath !== null && context.vms.isDisk(overlayPath);
  await rm(filesOf(context, id).dir, { recursive: true, force: true });
  if (!isPut) {
    if (overlayPath !== null) removeDisk(overlayPath);
    context.layers.dropDisk(id);
  }
  const disk = isPut && diskPath !== null ? stampOf(diskPath) : null;
  context.layers.finish(id, { formatVersion: 1, purpose: "snapshot", disk, memory: null });
}

/** Whether the VM writes to the overlay, although nobody had the time to write that down. */
async function hasTakenOverlay(context: ManagerContext, record: VMRecord, layer: Layer): Promise<boolean> {
  const { overlayPath } = layer;
  if (overlayPath === null || record.diskPath === overlayPath || !existsSync(overlayPath)) return false;
  if (record.vmm !== null && isProcessRunning(record.vmm)) {
    await using control = await backendOf(context, record).control(pathsOf(context, record));
    return (await control.diskPath()) === overlayPath;
  }
  // Nothing in it, or no disk at all: then the one below is as good.
  return (await readQcow2Header(overlayPath))?.isEmpty === false;
}
