import type { DiskSpec } from "../../backends/backend.ts";
import type { LayerFiles, SavedMemory } from "../../snapshots/layer.ts";
import { layerFiles } from "../../snapshots/layer.ts";
import type { ManagerContext } from "../context.ts";
import type { Layer } from "./layer-record.ts";

/** A layer, and what its disk or memory lies on, the lowest first. */
export function diskLayers(context: ManagerContext, layerId: string | null): readonly Layer[] {
  return chain(context, layerId, ({ parent }) => parent);
}

/** The layers whose pages make up the memory of this one, the lowest first. */
export function memoryLayers(context: ManagerContext, layerId: string | null): readonly SavedLayer[] {
  return chain(context, layerId, ({ memoryParent }) => memoryParent).filter(hasMemory);
}

/** A layer whose memory was saved. */
export type SavedLayer = Layer & {
  readonly manifest: NonNullable<Layer["manifest"]> & { readonly memory: SavedMemory };
};

export function hasMemory(layer: Layer): layer is SavedLayer {
  return (layer.manifest?.memory ?? null) !== null;
}

/** Where a layer's files are. */
export function filesOf(context: ManagerContext, layerId: string): LayerFiles {
  return layerFiles(context.layerDir, layerId);
}

/** A disk with all that lies below it; `path` itself comes on top. */
export function diskOn(
  context: ManagerContext,
  path: string | null,
  below: { readonly layer: string | null; readonly template: string | null; readonly rootfsPath: string },
): DiskSpec {
  const layers = diskLayers(context, below.layer);
  const template = layers[0]?.template ?? (below.layer === null ? below.template : null);
  const paths = [
    ...(template === null ? [] : [context.templates.diskPath(template)]),
    ...layers.flatMap(({ diskPath }) => diskPath ?? []),
    ...(path === null ? [] : [path]),
  ];
  const rootfs: DiskSpec = { path: below.rootfsPath, format: "raw", backing: undefined };
  return paths.reduce<DiskSpec>((backing, each) => ({ path: each, format: "qcow2", backing }), rootfs);
}

function chain(
  context: ManagerContext,
  layerId: string | null,
  below: (layer: Layer) => string | null,
): readonly Layer[] {
  const layers: Layer[] = [];
  for (let id = layerId; id !== null;) {
    const layer = context.layers.get(id);
    layers.unshift(layer);
    id = below(layer);
  }
  return layers;
}
