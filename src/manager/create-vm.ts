import { existsSync } from "node:fs";
import { SmolVMError, VMNotFoundError } from "../errors/smolvm-error.ts";
import { vmSocketDir } from "../host/paths.ts";
import { createQcow2Overlay, readQcow2Header } from "../images/qcow2-overlay.ts";
import { isProcessAlive } from "../process/process-identity.ts";
import type { VMRecord } from "../state/vm-record.ts";
import type { ManagerContext } from "./context.ts";
import { freeOverlayPath } from "./free-overlay-path.ts";
import { withOperation } from "./operation.ts";
import { runPlan } from "./plan.ts";
import type { VMDefinition } from "./resolve-config.ts";
import { diskLayers, diskOn } from "./snapshots/layer-chain.ts";
import { makeVmDirs, removeDisk, removeVmDirs, vmPaths } from "./vm-files.ts";

/** What a new VM continues from. */
export interface Origin {
  /** The layer on which its disk lies. */
  readonly layer: string;
  /** The layer from whose memory it continues at its first start. */
  readonly savedLayer: string | null;
  /** Size of the disk that the guest sees. */
  readonly diskSizeBytes: number;
}

/** What a VM is made of, besides its definition. */
export interface CreateVmOptions {
  readonly origin?: Origin | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes what a VM consists of on disk: its row first, so that whatever a crash leaves is found by `reconcile`.
 *
 * @throws {VMAlreadyExistsError}
 * @throws {SmolVMError} `DISK_CONFLICT` when a disk kept under this id belongs to another image.
 */
export async function createVm(
  context: ManagerContext,
  definition: VMDefinition,
  { origin, signal }: CreateVmOptions = {},
): Promise<VMRecord> {
  const { config } = definition;
  const { vmId } = config;
  await clearInterrupted(context, vmId);
  const kept = origin === undefined ? context.vms.retainedDisk(vmId) : undefined;
  const diskPath = config.diskMode === "shared" ? null : (kept?.path ?? freeOverlayPath(context, vmId));
  const socketDir = vmSocketDir(context.dataDir, context.socketDir, vmId);
  const paths = vmPaths(context.dataDir, vmId, socketDir);
  let inserted = false;
  await runPlan(
    [
      {
        name: "record",
        run: () => {
          const layers = { layer: origin?.layer ?? kept?.layer ?? null, savedLayer: origin?.savedLayer ?? null };
          context.vms.insert({ ...definition, ...layers, backend: config.backend, diskPath, socketDir });
          inserted = true;
        },
        // A failed insert means that somebody else has the id: their row stays.
        undo: () => {
          if (inserted) context.vms.remove(vmId, null);
        },
      },
      { name: "directories", run: () => makeVmDirs(paths), undo: () => removeVmDirs(paths) },
      {
        name: "disk",
        run: () => (diskPath === null ? undefined : makeDisk(context, definition, diskPath, origin)),
        undo: () => {
          if (diskPath !== null && !context.vms.isRetainedDisk(diskPath)) removeDisk(diskPath);
        },
      },
    ],
    signal,
  );
  context.vms.finishCreate(vmId, diskPath);
  return context.vms.get(vmId);
}

/** An empty overlay, or the disk that was kept when a VM of this id was deleted. */
async function makeDisk(
  context: ManagerContext,
  definition: VMDefinition,
  path: string,
  origin: Origin | undefined,
): Promise<void> {
  const { config } = definition;
  if (!existsSync(path)) {
    const { layer = null, diskSizeBytes = config.diskMiB * 1024 * 1024 } = origin ?? {};
    const below = diskOn(context, null, { layer, template: null, rootfsPath: config.rootfsPath });
    await createQcow2Overlay({
      path,
      backingPath: below.path,
      backingFormat: below.format,
      sizeBytes: diskSizeBytes,
    });
    return;
  }
  const kept = context.vms.retainedDisk(config.vmId);
  const lowest = diskLayers(context, kept?.layer ?? null).find(({ diskPath }) => diskPath !== null)?.diskPath ?? path;
  const keptOn = (await readQcow2Header(lowest))?.backingPath;
  if (!context.vms.isRetainedDisk(path) || keptOn !== config.rootfsPath) {
    throw new SmolVMError(
      "DISK_CONFLICT",
      `${path} exists and is an overlay of ${keptOn ?? "something else"}, not of ${config.rootfsPath}`,
      { details: { path, vmId: config.vmId } },
    );
  }
}

/** What a crash left of a VM of this id, half made or half deleted, is no reason to refuse the id. */
async function clearInterrupted(context: ManagerContext, vmId: string): Promise<void> {
  const left = context.vms.find(vmId);
  if (left?.operation !== "create" && left?.operation !== "delete") return;
  if (left.operator !== null && isProcessAlive(left.operator)) return;
  try {
    // Taking the VM recovers it, which here means that it is gone.
    await withOperation(context, vmId, "delete", async () => {});
  } catch (error) {
    if (!(error instanceof VMNotFoundError)) throw error;
  }
}
