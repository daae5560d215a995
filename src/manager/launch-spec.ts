import type { LaunchSpec } from "../backends/backend.ts";
import { chooseAccelerator } from "../host/accelerator.ts";
import { readQcow2Header } from "../images/qcow2-overlay.ts";
import type { VMRecord } from "../state/vm-record.ts";
import { type ManagerContext, pathsOf } from "./context.ts";
import { diskOn } from "./snapshots/layer-chain.ts";

/** What a VM's VMM is to run; `accelerator` is the one that a running VM has, else the one that this machine offers. */
export async function launchSpecOf(context: ManagerContext, record: VMRecord): Promise<LaunchSpec> {
  const { config, network } = record;
  const isUp = record.vmm !== null;
  return {
    ...config,
    disk: await diskOf(context, record),
    network,
    hasIdleInterface: network === null && hadInterface(context, record),
    accelerator: (isUp ? record.accelerator : undefined) ?? chooseAccelerator().accelerator,
    paths: pathsOf(context, record),
  };
}

async function diskOf(context: ManagerContext, record: VMRecord): Promise<LaunchSpec["disk"]> {
  const { diskPath, layer, config } = record;
  // The record may name a template that the disk was to be laid on when its VM died.
  const isOnTemplate = diskPath !== null && layer === null && (await liesOnTemplate(context, diskPath));
  const template = isOnTemplate ? record.template : null;
  return diskOn(context, diskPath, { layer, template, rootfsPath: config.rootfsPath });
}

/** Whether the disk at this path, which lies on no layer, lies on a template; else it lies on the image. */
export async function liesOnTemplate(context: ManagerContext, diskPath: string): Promise<boolean> {
  const below = (await readQcow2Header(diskPath))?.backingPath;
  return below !== undefined && below.startsWith(`${context.templates.dir}/`);
}

/** Whether what a VM continues from has a network interface that it itself is to have no network on. */
function hadInterface(context: ManagerContext, record: VMRecord): boolean {
  const saved = record.savedLayer ?? record.memoryLayer;
  return saved !== null && context.layers.find(saved)?.manifest?.memory?.hasInterface === true;
}
