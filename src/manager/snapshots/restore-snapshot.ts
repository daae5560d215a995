import { SmolVMError, VMAlreadyExistsError } from "../../errors/smolvm-error.ts";
import { backendOf, type ManagerContext } from "../context.ts";
import type { Origin } from "../create-vm.ts";
import type { VMDefinition } from "../resolve-config.ts";
import { assertIntact } from "./check-layer.ts";
import { deriveVm, type Differences } from "./derive-vm.ts";
import { hasMemory } from "./layer-chain.ts";
import { assertSameMachine } from "./saved-machine.ts";
import { vmPaths } from "../vm-files.ts";
import { chooseAccelerator } from "../../host/accelerator.ts";
import { diskOn } from "./layer-chain.ts";
import { existsSync } from "node:fs";

/**
 * What a new VM from this snapshot is made of. Everything that can be wrong with the snapshot is found out here, before anything
 * is made.
 *
 * @throws {SmolVMError} `SNAPSHOT_NOT_FOUND`, `SNAPSHOT_CORRUPT`, `SNAPSHOT_INCOMPATIBLE`; {@link VMAlreadyExistsError}.
 */
export async function planRestore(
  context: ManagerContext,
  idOrName: string,
  differences: Differences,
): Promise<{ readonly definition: VMDefinition; readonly origin: Origin }> {
  const { layer: layerId, definition: ancestor } = context.snapshots.get(idOrName);
  const layer = context.layers.get(layerId);
  const saved = hasMemory(layer) ? layer : undefined;
  const backend = backendOf(context, { backend: ancestor.config.backend });
  const hasInterface = saved?.manifest.memory.hasInterface === true;
  const definition = deriveVm({ ...ancestor, includesMemory: saved !== undefined, hasInterface }, differences, backend);
  if (context.vms.find(definition.config.vmId) !== undefined) throw new VMAlreadyExistsError(definition.config.vmId);
  await assertFilesAreThere(context, ancestor.imageId, ancestor.config);
  await assertIntact(context, layerId);
  if (saved !== undefined) {
    const { config, network } = definition;
    await assertSameMachine(saved.manifest.memory.machine, backend, {
      ...config,
      network,
      hasIdleInterface: network === null && hasInterface,
      disk: diskOn(context, null, { layer: layerId, template: null, rootfsPath: config.rootfsPath }),
      accelerator: chooseAccelerator().accelerator,
      paths: vmPaths(context.dataDir, config.vmId, context.socketDir),
    });
  }
  const { diskSizeBytes } = ancestor;
  return { definition, origin: { layer: layerId, savedLayer: saved === undefined ? null : layerId, diskSizeBytes } };
}

async function assertFilesAreThere(
  context: ManagerContext,
  imageId: string | null,
  config: { readonly kernelPath: string; readonly rootfsPath: string; readonly initrdPath: string | undefined },
): Promise<void> {
  if (imageId !== null) await context.images.resolve(imageId);
  for (const path of [config.kernelPath, config.rootfsPath, config.initrdPath]) {
    if (path === undefined || existsSync(path)) continue;
    throw new SmolVMError("SNAPSHOT_CORRUPT", `${path}, which the snapshot's VM was made of, is missing`, {
      details: { path },
    });
  }
}
