import { generateId } from "../config/vm-id.ts";
import type { ManagerContext } from "./context.ts";
import { overlayAbove, overlayPath } from "./vm-files.ts";

/** An overlay's path that no layer has: the disk of an earlier VM of this id may be one. */
export function freeOverlayPath(context: ManagerContext, vmId: string): string {
  const path = overlayPath(context.dataDir, vmId);
  return context.layers.isDisk(path) ? overlayAbove(context.dataDir, vmId, generateId("")) : path;
}
