import { VMAlreadyExistsError } from "../../errors/smolvm-error.ts";
import type { VMRecord } from "../../state/vm-record.ts";
import type { ChannelPool } from "../channel-pool.ts";
import { backendOf, type ManagerContext } from "../context.ts";
import type { Origin } from "../create-vm.ts";
import { assertState } from "../effective-status.ts";
import type { VMDefinition } from "../resolve-config.ts";
import { captureLayer } from "./capture-layer.ts";
import { deriveVm } from "./derive-vm.ts";
import { assertHasDisk, diskSizeOf } from "./take-snapshot.ts";
import { undoLayer } from "./settle-layer.ts";

/** A running VM as it was at one moment, from which VMs can be made until it is let go of. */
export interface ForkSource extends AsyncDisposable {
  readonly origin: Origin;
  readonly children: readonly VMDefinition[];
  readonly pauseMs: number;
}

/** Saves a running VM for its forks. The caller holds the VM, which goes on as it was. */
export async function openFork(
  context: ManagerContext,
  channels: ChannelPool,
  record: VMRecord,
  order: { readonly names: readonly (string | undefined)[]; readonly signal?: AbortSignal | undefined },
): Promise<ForkSource> {
  assertState(record, "fork");
  assertHasDisk(record);
  const backend = backendOf(context, record);
  const ancestor = { ...record, includesMemory: true, hasInterface: hasInterface(context, record) };
  const children = order.names.map((vmId) => deriveVm(ancestor, { vmId }, backend));
  const taken = children.find(({ config }) => context.vms.find(config.vmId) !== undefined);
  if (taken !== undefined) throw new VMAlreadyExistsError(taken.config.vmId);
  const diskSizeBytes = await diskSizeOf(record);
  const { id, pauseMs } = await captureLayer(context, channels, record, {
    purpose: "fork",
    includeMemory: true,
    goesOn: true,
    isHeld: true,
    signal: order.signal,
    onFinish: () => {},
  });
  return {
    origin: { layer: id, savedLayer: id, diskSizeBytes },
    children,
    pauseMs,
    [Symbol.asyncDispose]: () => undoLayer(context, id),
  };
}

function hasInterface(context: ManagerContext, { network, memoryLayer }: VMRecord): boolean {
  if (network !== null) return true;
  return memoryLayer !== null && context.layers.get(memoryLayer).manifest?.memory?.hasInterface === true;
}
