import { existsSync, renameSync, rmSync } from "node:fs";
import type { Backend, DiskSpec, LaunchSpec } from "../backends/backend.ts";
import { createQcow2Overlay, readQcow2Header } from "../images/qcow2-overlay.ts";
import type { VMRecord } from "../state/vm-record.ts";
import type { Template } from "../templates/template.ts";
import type { ManagerContext } from "./context.ts";
import { templateOf } from "./template-shape.ts";

const MIB = 1024 * 1024;

/** Key and shape of the template for a VM; undefined for one that has run before, or is of a kind that has none. */
export async function wantedTemplate(
  record: VMRecord,
  backend: Backend,
  spec: LaunchSpec,
): Promise<ReturnType<typeof templateOf>> {
  // A disk that was written to, in this VM or in an earlier one that left it, does not belong to a template's memory.
  if (record.status !== "created" || record.diskPath === null || record.layer !== null) return undefined;
  const wanted = templateOf(record, backend, spec);
  if (wanted === undefined || (await readQcow2Header(record.diskPath))?.isEmpty !== true) return undefined;
  return wanted;
}

/** The size that the VM's disk has to be given, where it is smaller than it should be; else undefined. */
export async function missingDiskSize(record: VMRecord): Promise<number | undefined> {
  if (record.diskPath === null) return undefined;
  const wantedBytes = record.config.diskMiB * MIB;
  const header = await readQcow2Header(record.diskPath);
  return header !== undefined && header.sizeBytes < wantedBytes ? wantedBytes : undefined;
}

/**
 * Puts a VM's disk, which has not been used yet, on the disk of a template. That the VM uses the template is written down
 * first: a crash in between keeps a disk too many, never one too few. False: somebody has removed the template.
 */
export async function rebaseOnTemplate(
  context: ManagerContext,
  record: VMRecord & { readonly diskPath: string },
  template: Template,
): Promise<boolean> {
  const path = `${record.diskPath}.new`;
  context.vms.setTemplate(record.id, template.name);
  // Whoever removes templates looks at that first: if it is still there now, it stays.
  if (!existsSync(template.diskPath)) return false;
  rmSync(path, { force: true });
  await createQcow2Overlay({
    path,
    backingPath: template.diskPath,
    backingFormat: "qcow2",
    // The devices' state knows the template's disk; a larger one is announced when they run.
    sizeBytes: template.manifest.shape.diskMiB * MIB,
  });
  renameSync(path, record.diskPath);
  return true;
}

/**
 * Takes back what was written to the disk of a VM that continues from saved memory, where an earlier start got that far and was
 * interrupted: it does not belong to that memory. The disk as it was then is what lies below.
 */
export async function emptyDisk({ path, backing }: DiskSpec): Promise<void> {
  const header = await readQcow2Header(path);
  if (header === undefined || header.isEmpty || backing === undefined) return;
  const next = `${path}.new`;
  rmSync(next, { force: true });
  const { path: backingPath, format: backingFormat } = backing;
  await createQcow2Overlay({ path: next, backingPath, backingFormat, sizeBytes: header.sizeBytes });
  renameSync(next, path);
}
