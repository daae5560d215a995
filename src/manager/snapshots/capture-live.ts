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
/** To write its files out takes it longer. */
const SYNC_TIMEOUT_MS = 10_000;

/** What was taken of a running VM. */
export interface LiveCapture {
  /** Copies of the changed pages; undefined: memory was not asked for, or lies in the file of the devices' state. */
  readonly memory: CapturedMemory | undefined;
  /** How long the VM stood still. */
  readonly pauseMs: number;
  /** Of the VMM. */
  readonly version: string;
  /** Lets a VM that was to stand still from now on go on after all, if it did not stand still before. */
  goOn(): Promise<void>;
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
  await using guest = await prepareGuest(channels, record, order);
  // Without the signal: what is begun has to be ended, also for a caller that has given up.
  await using control = await backendOf(context, record).control(pathsOf(context, record));
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
    // Not after the VMM has written its memory itself: it has let go of its disk then, until it goes on.
    const isDiskFirst = prepared === undefined;
    if (isDiskFirst) await putDiskUnder(context, control, layer, order);
    if (order.includeMemory) memory = await saveState(context, control, record, layer, prepared);
    if (order.includeMemory && isDiskFirst && wasPaused && order.goesOn) await takeDiskBack(control);
    if (!isDiskFirst) await putDiskUnder(context, control, layer, order);
    isSaved = true;
  } finally {
    if (!isSaved) await memory?.discard();
    if (!wasPaused && (order.goesOn || !isSaved)) {
      await control.resume();
      pauseMs = performance.now() - pausedAt;
    } else if (!order.goesOn) {
      guest.stays();
    }
  }
  const goOn = async (): Promise<void> => {
    if (wasPaused) return;
    await using again = await backendOf(context, record).control(pathsOf(context, record));
    await again.resume();
    await guest.thaw();
  };
  return { memory, version, pauseMs, goOn };
}

/** What the guest was told before its VM stands still; at the end that is taken back, unless it stands still for good. */
class PreparedGuest implements AsyncDisposable {
  readonly #thaw: () => Promise<void>;
  #isDone = false;

  constructor(thaw: () => Promise<void> = async () => {}) {
    this.#thaw = thaw;
  }

  /** The VM does not go on. */
  stays(): void {
    this.#isDone = true;
  }

  /** It does so after all. */
  async thaw(): Promise<void> {
    this.#isDone = true;
    await this.#thaw();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isDone) await this.thaw();
  }
}

/**
 * Tells the guest what is about to happen: in a copy of it all connections are lost at once, which must not end the processes
 * behind them. Where the disk alone may be what is left it has to write its files out.
 */
async function prepareGuest(channels: ChannelPool, record: VMRecord, order: LayerOrder): Promise<PreparedGuest> {
  if (record.status !== "running" || record.config.initrdPath === undefined) return new PreparedGuest();
  const { includeMemory: keepProcesses, goesOn, signal } = order;
  const syncDisks = !keepProcesses || !goesOn;
  const timed = { timeoutMs: syncDisks ? SYNC_TIMEOUT_MS : GUEST_TIMEOUT_MS, signal };
  let guest = new PreparedGuest();
  try {
    const channel = await channels.get(record, timed);
    if (keepProcesses) {
      guest = new PreparedGuest(async () => {
        await channel.thaw({ timeoutMs: GUEST_TIMEOUT_MS }).catch((error: unknown) => forgive(record, error));
      });
    }
    await channel.prepareFreeze({ keepProcesses, syncDisks, ...timed });
  } catch (error) {
    if (signal?.aborted === true) {
      await guest[Symbol.asyncDispose]();
      throw signal.reason;
    }
    forgive(record, error);
  }
  return guest;
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

/** After it has written its memory a VMM can do so again, and has its disk, only once it has gone on, be it for an instant. */
async function takeDiskBack(control: VmmControl): Promise<void> {
  await control.resume();
  await control.pause();
}

/** Nothing was written to the disk since the layer below it: then there is nothing to put under. */
async function putDiskUnder(
  context: ManagerContext,
  control: VmmControl,
  layer: Layer,
  { goesOn }: LayerOrder,
): Promise<void> {
  const { diskPath, overlayPath } = layer;
  if (diskPath === null || overlayPath === null) return;
  if ((await readQcow2Header(diskPath))?.isEmpty === true) {
    await rm(overlayPath, { force: true });
    context.layers.dropDisk(layer.id);
    return;
  }
  // The overlay of one that does not go on is for its next VMM.
  if (!goesOn) return;
  await control.putOverlay(overlayPath);
  context.layers.putOverlay(layer);
}
