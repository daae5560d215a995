import { existsSync } from "node:fs";
import { vmSocketDir } from "../../host/paths.ts";
import { createQcow2Overlay } from "../../images/qcow2-overlay.ts";
import type { VMRecord } from "../../state/vm-record.ts";
import { type ManagerContext, pathsOf } from "../context.ts";
import { freeOverlayPath } from "../free-overlay-path.ts";
import { sweepTemplates } from "../template-cleanup.ts";
import { makeVmDirs, removeDisk, removeVmDirs, vmPaths } from "../vm-files.ts";
import { endVmm } from "../vmm.ts";

const MIB = 1024 * 1024;

/** Whether a VM lives in the directories of one that waited in a pool. */
export function isClaimed(record: VMRecord): boolean {
  return record.home !== record.id;
}

/**
 * Removes what a VM was created with and has no use for, as it has the disk and the directories of a pool's VM.
 *
 * @param diskPath - where it is known.
 */
export function removeOwnPlace(context: ManagerContext, vmId: string, diskPath?: string): void {
  const path = diskPath ?? freeOverlayPath(context, vmId);
  removeVmDirs(ownPaths(context, vmId));
  if (!context.vms.isDisk(path) && !context.vms.isRetainedDisk(path) && !context.layers.isDisk(path)) removeDisk(path);
}

/**
 * Undoes the claim of a VM that has not come up by it: the VM is as it was when it was created, and nothing is left of the
 * pool's. Whatever a crash in between leaves belongs to no VM, and goes with `reconcile`.
 *
 * @param record - as it is since the claim.
 * @param diskPath - the VM's own disk, where it is known.
 */
export async function giveUpClaim(context: ManagerContext, record: VMRecord, diskPath?: string): Promise<void> {
  await endVmm(record.vmm);
  const { id, config } = record;
  const path = diskPath ?? freeOverlayPath(context, id);
  if (!existsSync(path)) {
    const sizeBytes = config.diskMiB * MIB;
    await createQcow2Overlay({ path, backingPath: config.rootfsPath, backingFormat: "raw", sizeBytes });
  }
  const paths = ownPaths(context, id);
  makeVmDirs(paths);
  context.pools.giveUpClaim(id, { home: id, diskPath: path, socketDir: paths.socketDir });
  context.vms.setDown(id, "created");
  removeVmDirs(pathsOf(context, record));
  if (record.diskPath !== null) removeDisk(record.diskPath);
  sweepTemplates(context);
}

function ownPaths({ dataDir, socketDir }: ManagerContext, vmId: string): ReturnType<typeof vmPaths> {
  return vmPaths(dataDir, vmId, vmSocketDir(dataDir, socketDir, vmId));
}
