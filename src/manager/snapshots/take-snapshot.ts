import { generateId } from "../../config/vm-id.ts";
import type { SnapshotInfo } from "../../config/snapshot-info.ts";
import { deepFreeze } from "../../config/deep-freeze.ts";
import { SmolVMError } from "../../errors/smolvm-error.ts";
import { readQcow2Header } from "../../images/qcow2-overlay.ts";
import type { SavedMemory } from "../../snapshots/layer.ts";
import type { SnapshotRecord } from "../../state/snapshot-repository.ts";
import type { VMRecord } from "../../state/vm-record.ts";
import type { ChannelPool } from "../channel-pool.ts";
import type { ManagerContext } from "../context.ts";
import { assertState } from "../effective-status.ts";
import { captureLayer } from "./capture-layer.ts";
import type { SnapshotDefinition } from "./snapshot-definition.ts";

/** What is asked of a snapshot. */
export interface SnapshotOrder {
  readonly name: string | null;
  readonly includeMemory: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Saves a VM under a name; it goes on as it was. The caller holds the VM. */
export async function takeSnapshot(
  context: ManagerContext,
  channels: ChannelPool,
  record: VMRecord,
  order: SnapshotOrder,
): Promise<SnapshotInfo> {
  assertState(record, "snapshot");
  assertHasDisk(record);
  context.snapshots.assertNameIsFree(order.name);
  const id = generateId("snap-");
  const diskSizeBytes = await diskSizeOf(record);
  const hasMemory = record.vmm !== null || record.savedLayer !== null;
  await captureLayer(context, channels, record, {
    purpose: "snapshot",
    includeMemory: order.includeMemory && hasMemory,
    goesOn: true,
    signal: order.signal,
    onFinish: (layer) => {
      const definition: SnapshotDefinition = {
        config: record.config,
        network: record.network,
        imageId: record.imageId,
        diskSizeBytes,
        includesMemory: layer.manifest.memory !== null,
        memoryFormat: memoryFormatOf(layer.manifest.memory),
        sizeBytes: layer.sizeBytes,
        pauseMs: layer.pauseMs,
      };
      context.snapshots.insert({ id, name: order.name, layer: layer.id, vmId: record.id, definition });
      // What changes from now on is all that the next one has to save.
      const { memory } = layer.manifest;
      if (record.vmm !== null && memory !== null && !memory.state.includesMemory) {
        context.vms.setMemoryLayer(record.id, layer.id);
      }
    },
  });
  return toSnapshotInfo(context.snapshots.get(id));
}

/** The size of the disk that the guest sees. */
export async function diskSizeOf(record: VMRecord & { readonly diskPath: string }): Promise<number> {
  return (await readQcow2Header(record.diskPath))?.sizeBytes ?? 0;
}

/** @throws {SmolVMError} `UNSUPPORTED` for a VM that writes into a disk which is not its own. */
export function assertHasDisk(record: VMRecord): asserts record is VMRecord & { readonly diskPath: string } {
  if (record.diskPath !== null) return;
  throw new SmolVMError(
    "UNSUPPORTED",
    `the VM "${record.id}" writes into ${record.config.rootfsPath} itself, so its disk cannot be saved`,
    { details: { vmId: record.id }, hint: 'Create the VM with diskMode "isolated".' },
  );
}

/** How a layer keeps its memory, in words for users. */
export function memoryFormatOf(memory: Pick<SavedMemory, "state"> | null): SnapshotInfo["memoryFormat"] {
  if (memory === null) return null;
  return memory.state.includesMemory ? "stream" : "pages";
}

/** What users see of a snapshot. */
export function toSnapshotInfo({
  id,
  name,
  vmId,
  createdAtMs,
  definition,
}: SnapshotRecord<SnapshotDefinition>): SnapshotInfo {
  const { includesMemory, memoryFormat, sizeBytes, pauseMs, config } = definition;
  const createdAt = new Date(createdAtMs);
  return deepFreeze({ id, name, vmId, createdAt, includesMemory, memoryFormat, sizeBytes, pauseMs, config });
}
