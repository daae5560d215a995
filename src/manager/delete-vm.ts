import type { VMRecord } from "../state/vm-record.ts";
import type { ChannelPool } from "./channel-pool.ts";
import type { ManagerContext } from "./context.ts";
import { removeVm } from "./recover.ts";
import { stopVm } from "./stop-vm.ts";

const STOP_TIMEOUT_MS = 10_000;

/** Deletes a VM in whatever state it is. The caller holds it. */
export async function deleteVm(context: ManagerContext, channels: ChannelPool, record: VMRecord): Promise<void> {
  // A disk that stays is left clean: the guest gets the chance to write out what it holds.
  const diskStays = record.config.retainDiskOnDelete || record.diskPath === null;
  if (diskStays) await stopVm(context, channels, record, { timeoutMs: STOP_TIMEOUT_MS });
  await channels.close(record.id);
  await removeVm(context, record);
}
