import type { VMRecord } from "../../state/vm-record.ts";
import type { ChannelPool } from "../channel-pool.ts";
import type { ManagerContext } from "../context.ts";
import { assertState, isDone } from "../effective-status.ts";
import { endVmm } from "../vmm.ts";
import { captureLayer } from "./capture-layer.ts";
import { assertHasDisk } from "./take-snapshot.ts";

/**
 * Saves the memory of a VM and ends its VMM: the next start continues where it was. The caller holds the VM. A VM whose memory
 * cannot be saved goes on as it was.
 */
export async function hibernateVm(
  context: ManagerContext,
  channels: ChannelPool,
  record: VMRecord,
  signal?: AbortSignal,
): Promise<void> {
  // The stop under way must not count as the reason why the VMM of a crashed VM is gone.
  const before = { ...record, operation: null };
  if (isDone(before, "stop")) return;
  assertState(before, "hibernate");
  assertHasDisk(record);
  await captureLayer(context, channels, record, {
    purpose: "hibernation",
    includeMemory: true,
    goesOn: false,
    signal,
    onFinish: ({ id }) => context.vms.setSavedLayer(record.id, id),
  });
  await channels.close(record.id);
  await endVmm(record.vmm);
  context.vms.setDown(record.id, "stopped");
}
