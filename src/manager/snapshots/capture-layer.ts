import { linkSync, mkdirSync, statSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { digestOf, stampOf } from "../../host/file-stamp.ts";
import { assertRoom } from "../../host/free-space.ts";
import { createQcow2Overlay, readQcow2Header } from "../../images/qcow2-overlay.ts";
import type { LayerManifest, LayerPurpose, SavedMemory } from "../../snapshots/layer.ts";
import { readPrivateBytes } from "../../process/private-bytes.ts";
import type { VMRecord } from "../../state/vm-record.ts";
import type { ChannelPool } from "../channel-pool.ts";
import { backendOf, type ManagerContext } from "../context.ts";
import { launchSpecOf, liesOnTemplate } from "../launch-spec.ts";
import { overlayAbove } from "../vm-files.ts";
import { captureLive, type LiveCapture } from "./capture-live.ts";
import { filesOf, hasMemory, memoryLayers } from "./layer-chain.ts";
import type { Layer } from "./layer-record.ts";
import { undoLayer } from "./settle-layer.ts";
import { describeMachine } from "./saved-machine.ts";

const MIB = 1024 * 1024;
/** Disk images and the state of devices need some room beside the memory. */
const RESERVE_BYTES = 16 * MIB;

/** What is to be saved of a VM. */
export interface LayerOrder {
  readonly purpose: LayerPurpose;
  readonly includeMemory: boolean;
  /** The VM goes on; otherwise it stays paused, and its VMM is about to end. */
  readonly goesOn: boolean;
  /** The layer stays this process's own, so that it is not released before something lies on it. */
  readonly isHeld?: boolean;
  /** Done in the transaction in which the layer becomes whole. */
  readonly onFinish: (layer: FinishedLayer) => void;
  readonly signal?: AbortSignal | undefined;
}

/** What was saved. */
export interface FinishedLayer {
  readonly id: string;
  readonly manifest: LayerManifest;
  readonly pauseMs: number;
  /** What it added on the host's disk. */
  readonly sizeBytes: number;
}

/**
 * Saves a VM at this moment: what was its disk becomes a layer that is only read from now on, under an overlay to which the VM
 * writes, and its memory goes to files. A VM that runs stands still while its changed pages are copied, not while they are
 * written. The caller holds the VM. A failure leaves the VM as it was.
 *
 * @throws {HostError} `NO_SPACE` before the VM is paused.
 */
export async function captureLayer(
  context: ManagerContext,
  channels: ChannelPool,
  record: VMRecord,
  order: LayerOrder,
): Promise<FinishedLayer> {
  const isLive = record.status === "running" || record.status === "paused";
  if (isLive && order.includeMemory) await assertRoom(context.dataDir, mostBytes(record));
  const layer = context.layers.begin({
    vmId: record.id,
    parent: record.layer,
    memoryParent: memoryParentOf(context, record, order, isLive),
    template: await templateBelow(context, record),
    diskPath: record.diskPath,
    overlayPath: null,
  });
  const files = filesOf(context, layer.id);
  if (order.includeMemory) mkdirSync(files.dir, { recursive: true, mode: 0o700 });
  try {
    const withOverlay = await makeOverlay(context, record, layer);
    const live = isLive ? await captureLive(context, channels, record, withOverlay, order) : undefined;
    try {
      if (live === undefined && withOverlay.overlayPath !== null) context.layers.putOverlay(withOverlay);
      return await finish(context, record, context.layers.get(layer.id), order, live);
    } catch (error) {
      if (!order.goesOn) await live?.goOn();
      throw error;
    } finally {
      await live?.memory?.discard();
    }
  } catch (error) {
    await undoLayer(context, layer.id);
    throw error;
  }
}

/** The overlay to which the VM will write, ready before the VM stands still. */
async function makeOverlay(context: ManagerContext, record: VMRecord, layer: Layer): Promise<Layer> {
  const { diskPath } = record;
  if (diskPath === null) return layer;
  const header = await readQcow2Header(diskPath);
  const isDown = record.vmm === null;
  if (header === undefined || (isDown && header.isEmpty)) {
    context.layers.dropDisk(layer.id);
    return context.layers.get(layer.id);
  }
  const path = overlayAbove(context.dataDir, record.id, layer.id);
  context.layers.planOverlay(layer.id, path);
  await createQcow2Overlay({ path, backingPath: diskPath, backingFormat: "qcow2", sizeBytes: header.sizeBytes });
  return context.layers.get(layer.id);
}

async function finish(
  context: ManagerContext,
  record: VMRecord,
  layer: Layer,
  order: LayerOrder,
  live: LiveCapture | undefined,
): Promise<FinishedLayer> {
  const files = filesOf(context, layer.id);
  let memory: SavedMemory | null = null;
  if (order.includeMemory) {
    memory =
      live === undefined
        ? inheritMemory(context, record, files.statePath)
        : await saveMemory(context, record, layer, live, order);
  }
  const disk = layer.diskPath === null ? null : stampOf(layer.diskPath);
  if (layer.diskPath !== null) await chmod(layer.diskPath, 0o400);
  const manifest: LayerManifest = { formatVersion: 1, purpose: order.purpose, disk, memory };
  const finished = {
    id: layer.id,
    manifest,
    pauseMs: live?.pauseMs ?? 0,
    sizeBytes: allocated(layer.diskPath) + (memory?.pages?.stamp.sizeBytes ?? 0) + (memory?.state.sizeBytes ?? 0),
  };
  const and = (): void => {
    // What a VM that is put to sleep writes when it wakes must not change the disk that belongs to its memory.
    if (!order.goesOn && layer.overlayPath !== null) context.layers.putOverlay(layer);
    order.onFinish(finished);
  };
  context.layers.finish(layer.id, manifest, { isHeld: order.isHeld === true, and });
  return finished;
}

/** Writes what was copied while the VM stood still. */
async function saveMemory(
  context: ManagerContext,
  record: VMRecord,
  layer: Layer,
  live: LiveCapture,
  { signal }: LayerOrder,
): Promise<SavedMemory> {
  const { pagesPath, statePath } = filesOf(context, layer.id);
  const older = pagesAbove(context, record);
  let pages: SavedMemory["pages"] = null;
  if (live.memory !== undefined) {
    const { sha256 } = await live.memory.write(pagesPath, { parents: older, signal });
    pages = { stamp: stampOf(pagesPath), sha256 };
  }
  const base = live.memory === undefined || layer.memoryParent !== null ? null : baseOf(context, record);
  await chmod(statePath, 0o400);
  const { config } = record;
  const state = {
    sha256: await digestOf(statePath),
    sizeBytes: statSync(statePath).size,
    includesMemory: live.memory === undefined,
  };
  const spec = await launchSpecOf(context, record);
  const machine = await describeMachine(backendOf(context, record), spec, async () => live.version);
  const hasInterface = spec.network !== null || spec.hasIdleInterface === true;
  return { memoryMiB: config.memoryMiB, hasInterface, machine, state, pages, base };
}

/** A hibernated VM's memory is saved already: the layer takes it over. */
function inheritMemory(context: ManagerContext, record: VMRecord, statePath: string): SavedMemory | null {
  const saved = record.savedLayer === null ? undefined : context.layers.get(record.savedLayer);
  if (saved === undefined || !hasMemory(saved)) return null;
  linkSync(filesOf(context, saved.id).statePath, statePath);
  return { ...saved.manifest.memory, pages: null, base: null };
}

/** The layer that the pages to be written build on. */
function memoryParentOf(
  context: ManagerContext,
  record: VMRecord,
  { includeMemory }: LayerOrder,
  isLive: boolean,
): string | null {
  if (!includeMemory) return null;
  return isLive ? record.memoryLayer : record.savedLayer;
}

/** The pages files between what the VMM maps as the memory and the layer that is to be written. */
function pagesAbove(context: ManagerContext, record: VMRecord): readonly string[] {
  const layers = memoryLayers(context, record.memoryLayer);
  const mapped = layers.findIndex(({ id }) => filesOf(context, id).memoryPath === record.memoryPath);
  return layers
    .slice(mapped + 1)
    .filter(({ manifest }) => manifest.memory.pages !== null)
    .map(({ id }) => filesOf(context, id).pagesPath);
}

/** The template on which a VM's disk lies, if no layer is between them. */
async function templateBelow(context: ManagerContext, record: VMRecord): Promise<string | null> {
  const isOn = record.diskPath !== null && record.layer === null && (await liesOnTemplate(context, record.diskPath));
  return isOn ? record.template : null;
}

/** The template whose memory the VMM maps. */
function baseOf(context: ManagerContext, record: VMRecord): SavedMemory["base"] {
  const { memoryPath, template } = record;
  if (memoryPath === null || template === null) return null;
  return { template, stamp: stampOf(memoryPath) };
}

/** The most that saving the memory of a VM may take: what its VMM has for itself alone, or all of it. */
function mostBytes({ vmm, config }: VMRecord): number {
  const ownBytes = vmm === null ? undefined : readPrivateBytes(vmm.pid);
  return Math.min(config.memoryMiB * MIB, ownBytes ?? Infinity) + RESERVE_BYTES;
}

function allocated(path: string | null): number {
  return path === null ? 0 : statSync(path).blocks * 512;
}
