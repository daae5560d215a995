import { mkdirSync, statSync } from "node:fs";
import { chmod, rename } from "node:fs/promises";
import { deepFreeze } from "../../config/deep-freeze.ts";
import type { SnapshotInfo } from "../../config/snapshot-info.ts";
import { generateId } from "../../config/vm-id.ts";
import { stampOf } from "../../host/file-stamp.ts";
import type { Image } from "../../images/image.ts";
import { syncPath } from "../../images/image-files.ts";
import { setQcow2Backing } from "../../images/qcow2-overlay.ts";
import type { SavedMemory } from "../../snapshots/layer.ts";
import type { ManagerContext } from "../context.ts";
import { overlayAbove } from "../vm-files.ts";
import type { SnapshotArchiveManifest } from "./archive-manifest.ts";
import { sealFlatMemory } from "./flat-memory.ts";
import { filesOf } from "./layer-chain.ts";
import type { Layer } from "./layer-record.ts";
import { undoLayer } from "./settle-layer.ts";
import type { SnapshotDefinition } from "./snapshot-definition.ts";
import { memoryFormatOf, toSnapshotInfo } from "./take-snapshot.ts";

/** The files of an imported snapshot, which have been checked, on the file system of the data directory. */
export interface StagedSnapshot {
  /** The lowest first. */
  readonly disks: readonly string[];
  readonly statePath: string | null;
  readonly memoryPath: string | null;
}

/** What is known of it. */
export interface ImportedFacts {
  readonly manifest: SnapshotArchiveManifest;
  readonly image: Image;
  readonly name: string | null;
}

/** Makes layers of an imported snapshot's files, and the snapshot on top of them: its rows first, so that a crash leaves no file. */
export async function addImported(
  context: ManagerContext,
  staged: StagedSnapshot,
  facts: ImportedFacts,
): Promise<SnapshotInfo> {
  const { manifest, image, name } = facts;
  const { vmId } = manifest;
  const id = generateId("snap-");
  const paths = staged.disks.map(() => overlayAbove(context.dataDir, vmId, generateId("import-")));
  for (const [index, path] of staged.disks.entries()) {
    const below = paths[index - 1];
    if (below === undefined) await setQcow2Backing(path, image.rootfsPath, "raw");
    else await setQcow2Backing(path, below, "qcow2");
  }
  const layers = beginLayers(context, vmId, paths);
  try {
    for (const [index, path] of staged.disks.entries()) await putInPlace(path, paths[index] ?? "", 0o400);
    const top = layers.at(-1);
    if (top === undefined) throw new TypeError("a snapshot has one layer at least");
    const memory = await placeMemory(context, top, staged, manifest);
    const files = [...paths, ...memoryFiles(context, top, memory)];
    const sizeBytes = files.reduce((sum, path) => sum + statSync(path).blocks * 512, 0);
    for (const layer of layers) {
      const disk = layer.diskPath === null ? null : stampOf(layer.diskPath);
      const isTop = layer === top;
      const layerManifest = { formatVersion: 1, purpose: "snapshot", disk, memory: isTop ? memory : null } as const;
      const definition = define(manifest, image, sizeBytes);
      const and = (): void => context.snapshots.insert({ id, name, layer: top.id, vmId, definition });
      context.layers.finish(layer.id, layerManifest, isTop ? { and } : {});
    }
  } catch (error) {
    for (const layer of layers.toReversed()) await undoLayer(context, layer.id);
    throw error;
  }
  return toSnapshotInfo(context.snapshots.get(id));
}

/** One layer a disk, each on the one before; a snapshot without a disk of its own is a layer, too. */
function beginLayers(context: ManagerContext, vmId: string, paths: readonly string[]): readonly Layer[] {
  const layers: Layer[] = [];
  for (const diskPath of paths.length === 0 ? [null] : paths) {
    const parent = layers.at(-1)?.id ?? null;
    layers.push(
      context.layers.begin({ vmId, parent, memoryParent: null, template: null, diskPath, overlayPath: null }),
    );
  }
  return layers;
}

async function placeMemory(
  context: ManagerContext,
  { id }: Layer,
  staged: StagedSnapshot,
  { memory, config }: SnapshotArchiveManifest,
): Promise<SavedMemory | null> {
  const { dir, statePath, memoryPath } = filesOf(context, id);
  if (memory === null || staged.statePath === null) return null;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  await putInPlace(staged.statePath, statePath, 0o400);
  const { hasInterface, state, machine } = memory;
  // What the program is called here is found out by its version.
  const saved = { memoryMiB: config.memoryMiB, hasInterface, state, machine: { ...machine, program: "" } };
  if (staged.memoryPath === null) return { ...saved, pages: null, base: null };
  await putInPlace(staged.memoryPath, memoryPath, 0o600);
  await sealFlatMemory(memoryPath);
  return { ...saved, pages: null, base: null, whole: stampOf(memoryPath) };
}

function memoryFiles(context: ManagerContext, { id }: Layer, memory: SavedMemory | null): readonly string[] {
  if (memory === null) return [];
  const { statePath, memoryPath } = filesOf(context, id);
  return memory.whole === undefined ? [statePath] : [statePath, memoryPath];
}

/** Whoever deletes the archive after this must find the copy whole, even after a loss of power. */
async function putInPlace(from: string, to: string, mode: number): Promise<void> {
  await chmod(from, mode);
  await syncPath(from);
  await rename(from, to);
}

function define(manifest: SnapshotArchiveManifest, image: Image, sizeBytes: number): SnapshotDefinition {
  const { vmId, config, diskSizeBytes, memory } = manifest;
  const { network: networkMode, ...rest } = config;
  const { kernelPath, initrdPath, rootfsPath } = image;
  return deepFreeze({
    config: {
      ...rest,
      vmId,
      networkMode,
      image: image.manifest.name,
      kernelPath,
      rootfsPath,
      initrdPath,
      diskMode: "isolated",
      retainDiskOnDelete: false,
    },
    // Each VM that is made of it gets its own.
    network: null,
    imageId: image.manifest.id,
    diskSizeBytes,
    includesMemory: memory !== null,
    memoryFormat: memoryFormatOf(memory),
    sizeBytes,
    pauseMs: 0,
  });
}
