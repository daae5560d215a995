import { readdirSync } from "node:fs";
import { join } from "node:path";
import { VMNotFoundError } from "../errors/smolvm-error.ts";
import { vmSocketDir } from "../host/paths.ts";
import { pruneStaging } from "../images/staging.ts";
import { isProcessAlive } from "../process/process-identity.ts";
import { type ManagerContext, pathsOf } from "./context.ts";
import { effectiveStatus } from "./effective-status.ts";
import { removeAbandonedTemplates } from "./template-cleanup.ts";
import { dropUselessMembers } from "./pool/drop-members.ts";
import { withOperation } from "./operation.ts";
import { DISK_DIR, removeDisk, removeVmDirs, VM_DIR, vmPaths } from "./vm-files.ts";
import { readTail } from "../process/read-tail.ts";
import type { VMRecord } from "../state/vm-record.ts";
import { removeOrphanedLayers, settleOrphanedLayers } from "./snapshots/settle-layer.ts";
import { endVmm } from "./vmm.ts";

/**
 * Makes the state database and the machine agree: finishes or undoes what dead processes left half-done, marks VMs whose
 * VMM is gone as `error`, and removes files and VMMs that belong to no VM.
 *
 * @returns the ids of the VMs that were marked as `error`.
 */
export async function reconcile(context: ManagerContext): Promise<readonly string[]> {
  const stale: string[] = [];
  const isSettled = ({ id }: VMRecord): boolean => context.layers.abandoned(id).length === 0;
  await dropUselessMembers(context);
  for (const record of context.vms.list()) {
    // Of those that are left, somebody alive is at work on each that does not wait.
    if (record.pool !== null) continue;
    // A live operator is at work on it, and leaves it right.
    if (record.operator !== null && isProcessAlive(record.operator)) continue;
    if (record.operation === null && effectiveStatus(record) === record.status && isSettled(record)) continue;
    try {
      // Taking the VM recovers an interrupted operation by itself.
      await withOperation(context, record.id, "stop", async (current) => {
        if (effectiveStatus({ ...current, operation: null }) === "error" && current.status !== "error") {
          const tail = readTail(pathsOf(context, current).consoleLogPath).split("\n").at(-1) ?? "";
          context.vms.setDown(
            current.id,
            "error",
            `the VMM ended unasked${tail === "" ? "" : `; last on the console: ${tail}`}`,
          );
          stale.push(current.id);
        }
      });
    } catch (error) {
      // A half-made or half-deleted VM is gone now, which was the point.
      if (!(error instanceof VMNotFoundError)) throw error;
    }
  }
  await settleOrphanedLayers(context);
  await removeOrphans(context);
  await removeOrphanedLayers(context);
  await removeAbandonedTemplates(context);
  // Where snapshots were being unpacked.
  await pruneStaging(context.dataDir);
  return stale;
}

/** Rows come before files and go after them, so a file without a row belongs to no VM and to no operation. */
async function removeOrphans(context: ManagerContext): Promise<void> {
  // The socket directory is not looked through: it may be one that other programs use too.
  for (const name of entries(join(context.dataDir, VM_DIR))) {
    if (context.vms.isHome(name)) continue;
    const paths = vmPaths(context.dataDir, name, vmSocketDir(context.dataDir, context.socketDir, name));
    for (const backend of context.backends.values()) await endVmm(backend.findVmm(paths) ?? null);
    removeVmDirs(paths);
  }
  for (const name of entries(join(context.dataDir, DISK_DIR))) {
    const path = join(context.dataDir, DISK_DIR, name);
    // One that is being made is another's in the end.
    const final = path.replace(/\.new$/, "");
    const isNeeded = context.vms.isDisk(final) || context.vms.isRetainedDisk(final) || context.layers.isDisk(final);
    if (!isNeeded) removeDisk(path);
  }
}

function entries(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // never made
  }
}
