import { GuestChannel } from "../guest/channel/channel.ts";
import { debugLog } from "../process/debug-log.ts";
import { waitForProcessEnd } from "../process/process-identity.ts";
import type { VMRecord } from "../state/vm-record.ts";
import type { ChannelPool } from "./channel-pool.ts";
import { backendOf, type ManagerContext, pathsOf } from "./context.ts";
import { effectiveStatus, isDone } from "./effective-status.ts";
import { endVmm } from "./vmm.ts";

/** Of the time for a stop, what the guest keeps for its sync and unmount after its processes have had theirs. */
const SHUTDOWN_RESERVE_MS = 1_000;

/**
 * Shuts a VM down: the guest's processes get TERM, its disk is synced and unmounted; what has not ended after `timeoutMs` is
 * ended by force. The caller holds the VM.
 */
export async function stopVm(
  context: ManagerContext,
  channels: ChannelPool,
  record: VMRecord,
  options: { readonly timeoutMs: number },
): Promise<void> {
  // The stop under way must not count as the reason why the VMM of a crashed VM is gone.
  if (isDone({ ...record, operation: null }, "stop")) return;
  const status = effectiveStatus(record);
  if (record.vmm !== null && (status === "running" || status === "paused")) {
    const deadlineMs = performance.now() + options.timeoutMs;
    const left = (): number => Math.max(0, deadlineMs - performance.now());
    try {
      if (status === "paused") await wake(context, record, options.timeoutMs);
      await askToPowerOff(context, record, options.timeoutMs);
      await waitForProcessEnd(record.vmm, { timeoutMs: left() });
    } catch (error) {
      // A guest that cannot be asked, or hangs, is ended below.
      debugLog("stop.forced", { vmId: record.id, reason: (error as Error).message });
    }
  }
  await channels.close(record.id);
  await endVmm(record.vmm);
  context.vms.setDown(record.id, "stopped");
}

/** A guest that stands still cannot write out what it holds. */
async function wake(context: ManagerContext, record: VMRecord, timeoutMs: number): Promise<void> {
  await using control = await backendOf(context, record).control(pathsOf(context, record), { timeoutMs });
  await control.resume();
}

async function askToPowerOff(context: ManagerContext, record: VMRecord, timeoutMs: number): Promise<void> {
  const backend = backendOf(context, record);
  const paths = pathsOf(context, record);
  if (record.config.initrdPath === undefined) {
    await using control = await backend.control(paths, { timeoutMs });
    await control.pressPowerButton();
    return;
  }
  // No lease: whoever stops a VM holds it, so this port has one user at a time.
  const path = backend.channelSocketPath(paths, backend.capabilities.channelPorts);
  await using channel = await GuestChannel.connect(path, { timeoutMs });
  await channel.powerOff({ graceMs: Math.max(0, timeoutMs - SHUTDOWN_RESERVE_MS), timeoutMs });
}
