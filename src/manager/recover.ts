import { VMNotFoundError } from "../errors/smolvm-error.ts";
import { isProcessAlive, isProcessRunning } from "../process/process-identity.ts";
import type { VMRecord } from "../state/vm-record.ts";
import { backendOf, type ManagerContext, pathsOf } from "./context.ts";
import { giveUpClaim, isClaimed, removeOwnPlace } from "./pool/claim-place.ts";
import { settlePause } from "./pause-vm.ts";
import { settleLayers, settleOrphanedLayers } from "./snapshots/settle-layer.ts";
import { sweepTemplates } from "./template-cleanup.ts";
import { removeDisk, removeNextDisk, removeVmDirs } from "./vm-files.ts";
import { endVmm } from "./vmm.ts";

/**
 * Puts right what an operation left whose process died in the middle of it: either it is finished or undone. The caller
 * holds the VM, and `record` is from before it did.
 *
 * @throws {VMNotFoundError} when the VM is gone after it: a half-made one, or one that was being deleted.
 */
export async function recoverInterrupted(context: ManagerContext, record: VMRecord): Promise<void> {
  const isWhole = record.operation !== "create" && record.operation !== "delete";
  // Whatever was at work when it died: whoever took the VM over from that may have died, too.
  if (isWhole) await settleLayers(context, record);
  if (record.operation !== null && record.diskPath !== null) removeNextDisk(record.diskPath);
  switch (record.operation) {
    case null:
      return;
    case "create":
    case "delete":
      await endUnrecordedVmm(context, record);
      await removeVm(context, record);
      throw new VMNotFoundError(record.id, { details: { interrupted: record.operation } });
    case "start":
      // The status changes only when a start has succeeded, so until then it is the one from before.
      if (record.status === "running" || record.status === "paused") {
        if (record.vmm !== null && isProcessRunning(record.vmm)) return await settlePause(context, record);
      }
      await endUnrecordedVmm(context, record);
      await endVmm(record.vmm);
      // It had claimed a VM of a pool, and nobody knows how far that one has come.
      if (record.status === "created" && isClaimed(record)) await giveUpClaim(context, record);
      context.vms.setDown(record.id, record.status === "created" ? "created" : "stopped");
      return;
    case "pause":
    case "idle-pause":
    case "resume":
    case "snapshot":
      await settlePause(context, record);
      return;
    case "stop":
      // With its memory saved it must not go on: its disk would.
      if (record.savedLayer !== null) await endVmm(record.vmm);
      else await settlePause(context, record);
      if (record.vmm !== null && isProcessAlive(record.vmm)) return;
      context.vms.setDown(record.id, "stopped");
  }
}

/** Ends the VM's process and removes its files, then its row: a crash in between leaves the row, and so a next try. */
export async function removeVm(context: ManagerContext, record: VMRecord): Promise<void> {
  await endVmm(record.vmm);
  removeVmDirs(pathsOf(context, record));
  const retained = record.config.retainDiskOnDelete && record.operation !== "create" ? record.diskPath : null;
  if (retained === null && record.diskPath !== null && !context.vms.isRetainedDisk(record.diskPath)) {
    removeDisk(record.diskPath);
  }
  if (isClaimed(record)) removeOwnPlace(context, record.id);
  context.vms.remove(record.id, retained);
  await settleOrphanedLayers(context);
  if (record.template !== null) sweepTemplates(context);
}

/** Ends a VMM that its creator had no time to record; the row may still name the one from the start before. */
async function endUnrecordedVmm(context: ManagerContext, record: VMRecord): Promise<void> {
  await endVmm(backendOf(context, record).findVmm(pathsOf(context, record)) ?? null);
}
