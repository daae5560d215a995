import { rmSync } from "node:fs";
import { join } from "node:path";
import { makePrivateDir } from "../host/paths.ts";
import type { VmmPaths } from "../backends/backend.ts";

/** Directories of the data directory, each with an entry per VM. */
export const DISK_DIR = "disks";
export const VM_DIR = "vms";
/** Directory of the templates, with an entry per template. */
export const TEMPLATE_DIR = "templates";
/** Directory of saved memory, with an entry per layer. */
export const LAYER_DIR = "layers";

/** Where the files of one VM are. All of them, so that deleting is complete. */
export function vmPaths(dataDir: string, vmId: string, vmSocketDir: string): VmmPaths {
  const vmDir = join(dataDir, VM_DIR, vmId);
  return {
    vmDir,
    socketDir: vmSocketDir,
    consoleLogPath: join(vmDir, "console.log"),
    vmmLogPath: join(vmDir, "vmm.log"),
  };
}

/** The overlay of one VM. */
export function overlayPath(dataDir: string, vmId: string): string {
  return join(dataDir, DISK_DIR, `${vmId}.qcow2`);
}

/** The overlay of a VM above a layer. */
export function overlayAbove(dataDir: string, vmId: string, layerId: string): string {
  return join(dataDir, DISK_DIR, `${vmId}.${layerId}.qcow2`);
}

/** Makes the directories of one VM, for its owner alone. */
export function makeVmDirs(paths: VmmPaths): void {
  // The one from which `reconcile` finds the other is made first.
  makePrivateDir(paths.vmDir);
  makePrivateDir(paths.socketDir);
}

/** Removes the logs and sockets of one VM; absent ones are fine. The sockets first: `vmDir` is what leads to them. */
export function removeVmDirs(paths: Pick<VmmPaths, "vmDir" | "socketDir">): void {
  rmSync(paths.socketDir, { recursive: true, force: true });
  rmSync(paths.vmDir, { recursive: true, force: true });
}

/** Removes a disk, and what was to take its place; absent ones are fine. */
export function removeDisk(path: string): void {
  removeNextDisk(path);
  rmSync(path, { force: true });
}

/** Removes what was to take the place of a disk. */
export function removeNextDisk(path: string): void {
  rmSync(`${path}.new`, { force: true });
}
