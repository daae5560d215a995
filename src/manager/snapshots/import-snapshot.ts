import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Readable } from "node:stream";
import type { ImportSnapshotOptions, SnapshotArchiveProgress } from "../../config/snapshot-archive-options.ts";
import type { SnapshotInfo } from "../../config/snapshot-info.ts";
import { ImageError, SmolVMError } from "../../errors/smolvm-error.ts";
import { digestOf } from "../../host/file-stamp.ts";
import { assertRoom } from "../../host/free-space.ts";
import { type Image, IMAGE_FILE_KEYS, IMAGE_FILE_NAMES, type ImageManifest } from "../../images/image.ts";
import { assertOwnQcow2, readQcow2Header } from "../../images/qcow2-overlay.ts";
import { createStagingDir, type StagingDir } from "../../images/staging.ts";
import { archiveCorrupt } from "../../snapshots/archive/archive-corrupt.ts";
import { extractEntry } from "../../snapshots/archive/extract-entry.ts";
import { type Archive, type ArchiveEntry, openArchive } from "../../snapshots/archive/open-archive.ts";
import type { ManagerContext } from "../context.ts";
import { addImported, type StagedSnapshot } from "./add-imported.ts";
import {
  diskEntry,
  MEMORY_ENTRY,
  parseArchiveManifest,
  type SnapshotArchiveManifest,
  STATE_ENTRY,
} from "./archive-manifest.ts";

const MIB = 1024 * 1024;
/** The state of devices, and what a qcow2 file holds besides data. */
const EXTRA_BYTES = 64 * MIB;

/** Where an entry goes, and how large it may be. */
interface Place {
  readonly path: string;
  readonly minBytes: number;
  readonly maxBytes: number;
}

/**
 * Takes in what an export has written. Everything is unpacked beside the snapshots first, and has been checked when it is added to
 * them; before that nobody can see it, and a failure leaves nothing.
 *
 * @throws {SmolVMError} `SNAPSHOT_CORRUPT`, `SNAPSHOT_INCOMPATIBLE`, `SNAPSHOT_ALREADY_EXISTS`, `NO_SPACE`.
 * @throws {ImageError} `IMAGE_NOT_FOUND` when the image is neither in the archive nor here.
 */
export async function importSnapshot(
  context: ManagerContext,
  source: string | Readable,
  { name, signal, onProgress }: ImportSnapshotOptions,
): Promise<SnapshotInfo> {
  await using archive = await openArchive(typeof source === "string" ? resolve(source) : source, { signal });
  const manifest = parseArchiveManifest(archive.manifest);
  const { config } = manifest;
  if (!context.backends.has(config.backend)) throw otherBackend(config.backend);
  const wantedName = name ?? manifest.name;
  context.snapshots.assertNameIsFree(wantedName);
  const local = await findImage(context, manifest, signal);
  await assertRoomFor(context, manifest, local === undefined);

  await using staging = await createStagingDir(context.dataDir);
  await using imageStaging = local === undefined ? await context.images.createStaging() : undefined;
  const places = placesOf(manifest, staging, imageStaging);
  await unpack(archive, places, onProgress);
  const staged: StagedSnapshot = {
    disks: Array.from({ length: manifest.diskCount }, (_, index) => join(staging.path, diskEntry(index))),
    statePath: places.get(STATE_ENTRY)?.path ?? null,
    memoryPath: places.get(MEMORY_ENTRY)?.path ?? null,
  };
  await check(staged, manifest);
  const image = local ?? (await adoptImage(context, imageStaging, manifest.image, signal));
  signal?.throwIfAborted();
  return await addImported(context, staged, { manifest, image, name: wantedName });
}

/** The image, where it is here and whole. */
async function findImage(
  context: ManagerContext,
  { image, includesImage }: SnapshotArchiveManifest,
  signal: AbortSignal | undefined,
): Promise<Image | undefined> {
  try {
    return await context.images.resolve(image.id, signal === undefined ? {} : { signal });
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    if (includesImage) return undefined;
    throw new ImageError(error.code, `the archive does not hold its image, and here ${error.message}`, {
      cause: error,
      details: { image: image.id, name: image.name },
      hint: "Export the snapshot again, with its image.",
    });
  }
}

async function assertRoomFor(
  context: ManagerContext,
  { dataBytes, image }: SnapshotArchiveManifest,
  withImage: boolean,
): Promise<void> {
  const neededBytes = dataBytes + EXTRA_BYTES;
  if (!withImage) return await assertRoom(context.dataDir, neededBytes);
  await context.images.ensureDir();
  const { imageDir } = context.images;
  const imageBytes = IMAGE_FILE_KEYS.reduce((sum, key) => sum + image.files[key].sizeBytes, 0);
  const [data, images] = await Promise.all([stat(context.dataDir), stat(imageDir)]);
  const isShared = data.dev === images.dev;
  await assertRoom(context.dataDir, neededBytes + (isShared ? imageBytes : 0));
  await assertRoom(imageDir, imageBytes);
}

/** Where each entry goes that the archive must hold; those of an image that is here already are passed over. */
function placesOf(
  manifest: SnapshotArchiveManifest,
  staging: StagingDir,
  imageStaging: StagingDir | undefined,
): ReadonlyMap<string, Place> {
  const { config, memory, diskCount, diskSizeBytes, image } = manifest;
  const places = new Map<string, Place>();
  const add = (dir: string, name: string, minBytes: number, maxBytes: number): void => {
    places.set(name, { path: join(dir, name), minBytes, maxBytes });
  };
  if (memory !== null) {
    const memoryBytes = config.memoryMiB * MIB;
    const { sizeBytes, includesMemory } = memory.state;
    add(staging.path, STATE_ENTRY, sizeBytes, Math.min(sizeBytes, EXTRA_BYTES + (includesMemory ? memoryBytes : 0)));
    if (!includesMemory) add(staging.path, MEMORY_ENTRY, memoryBytes, memoryBytes);
  }
  for (let index = 0; index < diskCount; index++) {
    // A qcow2 file has less than a thousandth of tables.
    add(staging.path, diskEntry(index), 0, diskSizeBytes * 1.001 + EXTRA_BYTES);
  }
  if (imageStaging === undefined) return places;
  for (const key of IMAGE_FILE_KEYS) {
    const { sizeBytes } = image.files[key];
    add(imageStaging.path, IMAGE_FILE_NAMES[key], sizeBytes, sizeBytes);
  }
  return places;
}

/** Reads all of the archive. When this answers it is undamaged, and nothing is missing. */
async function unpack(
  archive: Archive,
  places: ReadonlyMap<string, Place>,
  onProgress: ImportSnapshotOptions["onProgress"],
): Promise<void> {
  const found = new Set<string>();
  for await (const entry of archive.entries) {
    const { name, sizeBytes } = entry;
    const place = places.get(name);
    if (place === undefined) continue;
    if (sizeBytes < place.minBytes || sizeBytes > place.maxBytes) {
      throw archiveCorrupt(`"${name}" has ${sizeBytes} bytes, which does not fit its manifest`);
    }
    await extractEntry(onProgress === undefined ? entry : reporting(entry, onProgress), place.path);
    found.add(name);
  }
  for (const name of places.keys()) if (!found.has(name)) throw archiveCorrupt(`it lacks "${name}"`);
}

function reporting(entry: ArchiveEntry, onProgress: (progress: SnapshotArchiveProgress) => void): ArchiveEntry {
  const { name, sizeBytes, runs } = entry;
  return {
    ...entry,
    runs: async function* () {
      for await (const run of runs()) {
        yield run;
        onProgress({ entry: name, sizeBytes, doneBytes: run.offset + run.bytes.length });
      }
      onProgress({ entry: name, sizeBytes, doneBytes: sizeBytes });
    },
  };
}

/** Checks what no digest of the archive can say. */
async function check({ statePath, disks }: StagedSnapshot, manifest: SnapshotArchiveManifest): Promise<void> {
  if (statePath !== null && (await digestOf(statePath)) !== manifest.memory?.state.sha256) {
    throw archiveCorrupt("the state of the devices is another one than its manifest says");
  }
  for (const path of disks) {
    await assertOwnQcow2(path).catch((cause: unknown) => {
      throw cause instanceof SmolVMError ? archiveCorrupt(cause.message, cause) : cause;
    });
    const header = await readQcow2Header(path);
    if (header === undefined || header.sizeBytes > manifest.diskSizeBytes) {
      throw archiveCorrupt("a disk is larger than its manifest says");
    }
  }
}

async function adoptImage(
  context: ManagerContext,
  staging: StagingDir | undefined,
  manifest: ImageManifest,
  signal: AbortSignal | undefined,
): Promise<Image> {
  if (staging === undefined) throw new TypeError("an image is adopted from where it was unpacked");
  try {
    return await context.images.adopt(staging.path, manifest, { signal });
  } catch (cause) {
    if (cause instanceof ImageError) throw archiveCorrupt(cause.message, cause);
    throw cause;
  }
}

function otherBackend(backend: string): SmolVMError {
  return new SmolVMError("SNAPSHOT_INCOMPATIBLE", `the snapshot is of a VM of the backend "${backend}"`, {
    details: { backend },
  });
}
