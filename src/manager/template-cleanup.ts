import { rmSync } from "node:fs";
import { vmSocketDir } from "../host/paths.ts";
import type { ManagerContext } from "./context.ts";
import { makerId } from "./make-template.ts";
import { endVmm } from "./vmm.ts";

/** Removes the templates of an image; the disks of those that VMs lie on stay until the last such VM is deleted. */
export async function removeTemplatesOf(context: ManagerContext, imageId: string): Promise<void> {
  for (const { name, manifest } of context.templates.list()) {
    if (manifest.shape.imageId === imageId) await context.templates.retire(name);
  }
  sweepTemplates(context);
}

/** Removes what no VM needs of templates that nobody can start from any more. */
export function sweepTemplates(context: ManagerContext): void {
  context.templates.sweep((name) => context.vms.isTemplateUsed(name));
}

/** Ends the VMMs and removes the files of templates whose maker died before they were finished. */
export async function removeAbandonedTemplates(context: ManagerContext): Promise<void> {
  for (const dir of context.templates.abandoned()) {
    const socketDir = vmSocketDir(context.dataDir, context.socketDir, makerId(dir));
    for (const backend of context.backends.values()) await endVmm(backend.findVmm({ vmDir: dir, socketDir }) ?? null);
    rmSync(socketDir, { recursive: true, force: true });
    rmSync(dir, { recursive: true, force: true });
  }
  sweepTemplates(context);
}
