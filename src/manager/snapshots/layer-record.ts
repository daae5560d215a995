import type { LayerManifest } from "../../snapshots/layer.ts";
import type { LayerRecord } from "../../state/layer-repository.ts";

/** A row of the table of layers, with what this package writes into it. */
export type Layer = LayerRecord<LayerManifest>;
