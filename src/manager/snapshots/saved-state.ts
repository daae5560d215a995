import type { Backend } from "../../backends/backend.ts";
import { SmolVMError } from "../../errors/smolvm-error.ts";
import type { VMRecord } from "../../state/vm-record.ts";
import type { ManagerContext } from "../context.ts";
import { launchSpecOf } from "../launch-spec.ts";
import { assertIntact } from "./check-layer.ts";
import { hasMemory, type SavedLayer } from "./layer-chain.ts";
import { assertSameMachine } from "./saved-machine.ts";

/** A layer from whose memory a VM can continue. */
export function savedStateOf(context: ManagerContext, layerId: string): SavedLayer {
  const layer = context.layers.get(layerId);
  if (hasMemory(layer)) return layer;
  throw new SmolVMError("SNAPSHOT_CORRUPT", `the layer ${layerId} holds no memory`, { details: { layer: layerId } });
}

/**
 * Checks that a VM can continue from a layer, here and now: its files are as they were, and the machine is the same.
 *
 * @throws {SmolVMError} `SNAPSHOT_CORRUPT`, `SNAPSHOT_INCOMPATIBLE`.
 */
export async function assertRestorable(
  context: ManagerContext,
  backend: Backend,
  record: VMRecord,
  layer: SavedLayer,
): Promise<void> {
  await assertIntact(context, layer.id);
  const spec = await launchSpecOf(context, record);
  const { machine } = layer.manifest.memory;
  await assertSameMachine(machine, backend, spec);
}
