import { rm } from "node:fs/promises";
import type { VmmControl } from "../../backends/backend.ts";
import { readQcow2Header } from "../../images/qcow2-overlay.ts";
import { debugLog } from "../../process/debug-log.ts";
import type { MemoryRegion } from "../../process/memory-region.ts";
import { type PreparedCapture, prepareCapture } from "../../snapshots/memory/capture-memory.ts";
import type { CapturedMemory } from "../../snapshots/memory/captured-memory.ts";
import { isMemoryUnreadable } from "../../snapshots/memory/memory-unreadable-error.ts";
import type { VMRecord } from "../../state/vm-record.ts";
import type { ChannelPool } from "../channel-pool.ts";
import { backendOf, type ManagerContext, pathsOf } from "../context.ts";
import type { LayerOrder } from "./capture-layer.ts";
import { filesOf } from "./layer-chain.ts";
import type { Layer } from "./layer-record.ts";

const MIB = 1024 * 1024;
/** A guest that does not answer can be saved all the same. */
const GUEST_TIMEOUT_MS = 2_000;

/** What was taken of a running VM. */
export interface LiveCapture {
  /** Copies of the changed pages; undefined: memory was not asked for, or lies in the file of the devices' state. */
  readonly memory: CapturedMemory | undefined;
  /** How long the VM stood still. */
  readonly pauseMs: number;
  /** Of the VMM. */
  readonly version: string;
}

/** Pauses a VM, saves its devices, copies its memory, puts its disk under the overlay, and lets it go on. */
export async function captureLive(
  context: ManagerContext,
  channels: ChannelPool,
  record: VMRecord,
  layer: Layer,
  order: LayerOrder,
): Promise<LiveCapture> {
  const { signal } = order;
  const thaw = await prepareGuest(channels, record, order);
  await using control = await backendOf(context, record).control(pathsOf(context, record), { signal });
  const version = await control.version();
  await using prepared = order.includeMemory ? await prepareMemory(context, control, record, layer, signal) : undefined;
  const wasPaused = await control.isPaused();
  signal?.throwIfAborted();
  const pausedAt = performance.now();
  if (!wasPaused) await control.pause();
  let pauseMs = 0;
  let memory: CapturedMemory | undefined;
  let isSaved = false;
  try {
    if (order.includeMemory) memory = await saveState(context, control, record, layer, prepared);
    if (layer.overlayPath !== null) await putDiskUnder(context, control, layer);
    isSaved = true;
  } finally {
    if (!isSaved) await memory?.discard();
    if (!wasPaused && (order.goesOn || !isSaved)) {
      await control.resume();
      pauseMs = performance.now() - pausedAt;
      await thaw();
    }
  }
  return { memory, version, pauseMs };
}

/**
 * Tells the guest what is about to happen: in a copy of it all connections are lost at once, which must not end the processes
 * behind them. Without its memory it has to write its files out, since the copy begins with the disk alone. What is returned ends
 * that in the VM itself, once it goes on.
 */
async function prepareGuest(channels: ChannelPool, record: VMRecord, order: LayerOrder): Promise<() => Promise<void>> {
  const nothing = async (): Promise<void> => {};
  if (record.status !== "running" || record.config.initrdPath === undefined) return nothing;
  const { includeMemory, signal } = order;
  const timed = { timeoutMs: GUEST_TIMEOUT_MS, signal };
  try {
    const channel = await channels.get(record, timed);
    await channel.prepareFreeze(includeMemory ? { keepProcesses: true, ...timed } : { syncDisks: true, ...timed });
    if (!includeMemory) return nothing;
    return async () => {
      await channel.thaw({ timeoutMs: GUEST_TIMEOUT_MS }).catch((error: unknown) => forgive(record, error));
    };
  } catch (error) {
    signal?.throwIfAborted();
    forgive(record, error);
    return nothing;
  }
}

function forgive({ id }: VMRecord, error: unknown): void {
  debugLog("snapshot.guest", { vmId: id, problem: (error as Error).message });
}

/** Undefined: the machine does not let us look into the VMM, which then has to write its memory itself. */
async function prepareMemory(
  context: ManagerContext,
  control: VmmControl,
  record: VMRecord,
  layer: Layer,
  signal: AbortSignal | undefined,
): Promise<PreparedCapture | undefined> {
  if (process.platform !== "linux") return undefined;
  const region: MemoryRegion = {
    pid: record.vmm?.pid ?? 0,
    address: await control.memoryAddress(),
    sizeBytes: record.config.memoryMiB * MIB,
  };
  try {
    return await prepareCapture(region, { directory: filesOf(context, layer.id).dir, signal });
  } catch (error) {
    if (!isMemoryUnreadable(error)) throw error;
    debugLog("snapshot.unreadable", { vmId: record.id, problem: (error as Error).message });
    return undefined;
  }
}

async function saveState(
  context: ManagerContext,
  control: VmmControl,
  record: VMRecord,
  layer: Layer,
  prepared: PreparedCapture | undefined,
): Promise<CapturedMemory | undefined> {
  const { statePath } = filesOf(context, layer.id);
  if (prepared === undefined) {
    await control.saveAll(statePath);
    return undefined;
  }
  const capturing = prepared.capture({ hasBase: record.memoryPath !== null });
  try {
    const [memory] = await Promise.all([capturing, control.saveDevices(statePath)]);
    return memory;
  } catch (error) {
    const memory = await capturing.catch(() => undefined);
    await memory?.discard();
    throw error;
  }
}

/** Nothing was written to the disk since the layer below it: then there is nothing to put under. */
async function putDiskUnder(context: ManagerContext, control: VmmControl, layer: Layer): Promise<void> {
  const { diskPath, overlayPath } = layer;
  if (diskPath === null || overlayPath === null) return;
  if ((await readQcow2Header(diskPath))?.isEmpty === true) {
    await rm(overlayPath, { force: true });
    context.layers.dropDisk(layer.id);
    return;
  }
  await control.putOverlay(overlayPath);
  context.layers.putOverlay(layer);
}
