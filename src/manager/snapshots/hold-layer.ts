import type { ManagerContext } from "../context.ts";
import type { Layer } from "./layer-record.ts";
import { undoLayer } from "./settle-layer.ts";

/**
 * Keeps a layer, and all that it lies on, from going while this process reads it: a layer on top of it, which never comes to be,
 * does so. One of a process that died is taken back like every other layer that was not finished.
 */
export function holdLayer(context: ManagerContext, { id, vmId }: Layer): AsyncDisposable {
  const parts = { parent: id, memoryParent: id, template: null, diskPath: null, overlayPath: null };
  const hold = context.layers.begin({ vmId, ...parts });
  return { [Symbol.asyncDispose]: () => undoLayer(context, hold.id) };
}
