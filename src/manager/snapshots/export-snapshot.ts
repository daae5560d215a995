import { statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Writable } from "node:stream";
import type { DiskSpec } from "../../backends/backend.ts";
import type { ExportSnapshotOptions } from "../../config/snapshot-archive-options.ts";
import { SmolVMError } from "../../errors/smolvm-error.ts";
import { IMAGE_FILE_KEYS, IMAGE_FILE_NAMES, type Image } from "../../images/image.ts";
import type { JsonValue } from "../../snapshots/archive/archive-format.ts";
import type { ArchiveSource } from "../../snapshots/archive/encode-content.ts";
import { writeArchive } from "../../snapshots/archive/write-archive.ts";
import { readMemory } from "../../snapshots/memory/read-memory.ts";
import type { ManagerContext } from "../context.ts";
import { diskEntry, MEMORY_ENTRY, type SnapshotArchiveManifest, STATE_ENTRY } from "./archive-manifest.ts";
import { assertIntact } from "./check-layer.ts";
import { type MemorySources, partsOf } from "./flat-memory.ts";
import { holdLayer } from "./hold-layer.ts";
import { diskOn, filesOf, hasMemory, type SavedLayer } from "./layer-chain.ts";
import type { SnapshotDefinition } from "./snapshot-definition.ts";

const MIB = 1024 * 1024;

/** What an export reads. */
interface Parts {
  readonly definition: SnapshotDefinition;
  readonly image: Image;
  /** The lowest first. */
  readonly disks: readonly string[];
  readonly saved: SavedLayer | undefined;
  readonly sources: MemorySources | undefined;
  readonly statePath: string;
}

/**
 * Writes all that a snapshot consists of to one file or stream: its memory as a whole, without the template and the layers below,
 * the state of its devices, its disks, and the image under them.
 *
 * @throws {SmolVMError} `SNAPSHOT_NOT_FOUND`, `SNAPSHOT_CORRUPT`; `UNSUPPORTED` for a VM that was made of files instead of an image.
 */
export async function exportSnapshot(
  context: ManagerContext,
  idOrName: string,
  destination: string | Writable,
  { includeImage = true, signal, onProgress }: ExportSnapshotOptions,
): Promise<void> {
  const { layer: layerId, definition, name, vmId } = context.snapshots.get(idOrName);
  const { imageId } = definition;
  if (imageId === null) throw noImage(idOrName);
  const layer = context.layers.get(layerId);
  await using _held = holdLayer(context, layer);
  const image = await context.images.resolve(imageId);
  await assertIntact(context, layerId);
  const saved = hasMemory(layer) ? layer : undefined;
  const parts: Parts = {
    definition,
    image,
    disks: disksAbove(diskOn(context, null, { layer: layerId, template: null, rootfsPath: image.rootfsPath })),
    saved,
    sources: saved === undefined || saved.manifest.memory.state.includesMemory ? undefined : partsOf(context, saved),
    statePath: filesOf(context, layerId).statePath,
  };
  const manifest = describeArchive(parts, { name, vmId, includeImage });
  const entries = entriesOf(parts, includeImage, signal);
  await writeArchive(
    typeof destination === "string" ? resolve(destination) : destination,
    { manifest, entries },
    {
      signal,
      onProgress,
    },
  );
}

function describeArchive(
  { definition, image, disks, saved, sources, statePath }: Parts,
  given: { readonly name: string | null; readonly vmId: string; readonly includeImage: boolean },
): JsonValue {
  const { vcpuCount, memoryMiB, diskMiB, bootArgs, env, networkMode, backend } = definition.config;
  const { includeImage, ...names } = given;
  const manifest: SnapshotArchiveManifest = {
    formatVersion: 1,
    ...names,
    config: { vcpuCount, memoryMiB, diskMiB, bootArgs, env, network: networkMode, backend },
    diskSizeBytes: definition.diskSizeBytes,
    image: image.manifest,
    includesImage: includeImage,
    diskCount: disks.length,
    memory: saved === undefined ? null : describeMemory(saved),
    dataBytes: allocated([...disks, ...(saved === undefined ? [] : [statePath])]) + mostBytes(sources, memoryMiB),
  };
  return manifest as unknown as JsonValue;
}

function describeMemory({ manifest }: SavedLayer): SnapshotArchiveManifest["memory"] {
  const { hasInterface, state, machine } = manifest.memory;
  const { identity, version, accelerator, cpu } = machine;
  return { hasInterface, state, machine: { identity, version, accelerator, cpu } };
}

async function* entriesOf(
  { definition, image, disks, saved, sources, statePath }: Parts,
  includeImage: boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<ArchiveSource> {
  if (saved !== undefined) yield await fileEntry(STATE_ENTRY, statePath);
  if (sources !== undefined) {
    const sizeBytes = definition.config.memoryMiB * MIB;
    yield { name: MEMORY_ENTRY, sizeBytes, mode: 0o600, runs: readMemory({ sizeBytes, ...sources, signal }) };
  }
  for (const [index, path] of disks.entries()) yield await fileEntry(diskEntry(index), path);
  if (!includeImage) return;
  const paths = { kernel: image.kernelPath, initramfs: image.initrdPath, rootfs: image.rootfsPath };
  for (const key of IMAGE_FILE_KEYS) yield await fileEntry(IMAGE_FILE_NAMES[key], paths[key]);
}

async function fileEntry(name: string, path: string): Promise<ArchiveSource> {
  const { size, mode } = await stat(path);
  return { name, sizeBytes: size, mode: mode & 0o777, runs: path };
}

/** The disks of a chain that lie on the image's, the lowest first. */
function disksAbove({ path, format, backing }: DiskSpec): readonly string[] {
  return format === "raw" || backing === undefined ? [] : [...disksAbove(backing), path];
}

/** The most that the memory can hold besides zeros. */
function mostBytes(sources: MemorySources | undefined, memoryMiB: number): number {
  if (sources === undefined) return 0;
  const { basePath, pages } = sources;
  return Math.min(memoryMiB * MIB, allocated([...pages, ...(basePath === undefined ? [] : [basePath])]));
}

function allocated(paths: readonly string[]): number {
  return paths.reduce((sum, path) => sum + statSync(path).blocks * 512, 0);
}

function noImage(idOrName: string): SmolVMError {
  return new SmolVMError("UNSUPPORTED", `the snapshot "${idOrName}" is of a VM with a kernel and a disk of your own`, {
    hint: "Make the VM from an image of the image store; others cannot be exported.",
    details: { snapshot: idOrName },
  });
}
