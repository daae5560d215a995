import type { ChannelPool } from "../channel-pool.ts";
import type { ManagerContext } from "../context.ts";
import { withOperation } from "../operation.ts";
import { pauseVm, resumeVm } from "../pause-vm.ts";
import { effectiveStatus } from "../effective-status.ts";

/** Pauses a VM of which `isIdle` says, once it is held, that nobody uses it. */
export async function pauseIdleVm(
  context: ManagerContext,
  channels: ChannelPool,
  vmId: string,
  checks: { readonly isIdle: () => Promise<boolean>; readonly isUsed: () => boolean },
): Promise<void> {
  await withOperation(context, vmId, "idle-pause", async (record) => {
    if (effectiveStatus(record) !== "running" || !(await checks.isIdle())) return;
    await pauseVm(context, record, "idle");
    // A call has come since: it waits in a guest that stands still.
    if (checks.isUsed()) await resumeVm(context, channels, context.vms.get(vmId));
  });
}

/** Lets a VM go on that was paused because nobody used it; one that was paused by its user stays so. */
export async function wakeVm(context: ManagerContext, channels: ChannelPool, vmId: string): Promise<void> {
  await withOperation(context, vmId, "resume", async (record) => {
    if (effectiveStatus(record) === "paused" && record.pausedBy === "idle") await resumeVm(context, channels, record);
  });
}
