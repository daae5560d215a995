import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { basename } from "node:path";
import type { Backend, LaunchSpec, VmmPaths } from "../backends/backend.ts";
import { GuestChannel } from "../guest/channel/channel.ts";
import { makeSshHostKey } from "../guest/identity/ssh-host-key.ts";
import { runCommand } from "../guest/command/run-command.ts";
import { vmSocketDir } from "../host/paths.ts";
import { createQcow2Overlay } from "../images/qcow2-overlay.ts";
import { USER_NETWORK } from "../network/user-network-plan.ts";
import { debugLog } from "../process/debug-log.ts";
import type { ProcessIdentity } from "../process/process-identity.ts";
import { writeExtents } from "../snapshots/memory/extents.ts";
import type { Template, TemplateShape } from "../templates/template.ts";
import type { StagedTemplate } from "../templates/template-store.ts";
import type { ManagerContext } from "./context.ts";
import { makeVmDirs, vmPaths } from "./vm-files.ts";
import { endVmm } from "./vmm.ts";

const MIB = 1024 * 1024;

/** Run before the VM is frozen, so that what every VM's first command needs is in the guest's memory. */
const WARM_UP: readonly (readonly string[])[] = [["/bin/sh", "-c", "true"], ["/bin/true"], ["/bin/sync"]];

/** What a template is made of. */
export interface TemplateOrder {
  readonly key: string;
  readonly shape: TemplateShape;
  readonly backend: Backend;
  /** Of a VM of this shape; its names and paths are replaced. */
  readonly spec: LaunchSpec;
  readonly rootfsPath: string;
  readonly bootTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The template of this key, made from a clean VM where there is none. Of ten processes that ask at once one makes it, and
 * the others wait.
 */
export async function ensureTemplate(context: ManagerContext, order: TemplateOrder): Promise<Template> {
  await using _lock = await context.templates.lock(order.key, order.signal);
  const existing = await context.templates.find(order.key);
  if (existing !== undefined) return existing;
  const staged = await context.templates.stage();
  try {
    await bootAndFreeze(context, order, staged);
    // Copies of the memory then need not look for what it holds. Nobody writes to it any more.
    await writeExtents(staged.memoryPath, order.signal);
    return await context.templates.publish(staged, order.key, order.shape);
  } finally {
    await rm(staged.dir, { recursive: true, force: true });
  }
}

async function bootAndFreeze(context: ManagerContext, order: TemplateOrder, staged: StagedTemplate): Promise<void> {
  const { backend, shape } = order;
  const signal = deadline(order);
  const vmId = makerId(staged.dir);
  const paths = {
    ...vmPaths(context.dataDir, vmId, vmSocketDir(context.dataDir, context.socketDir, vmId)),
    vmDir: staged.dir,
    consoleLogPath: `${staged.dir}/console.log`,
    vmmLogPath: `${staged.dir}/vmm.log`,
  };
  makeVmDirs(paths);
  let identity: ProcessIdentity | null = null;
  try {
    const { rootfsPath } = order;
    await createQcow2Overlay({
      path: staged.diskPath,
      backingPath: rootfsPath,
      backingFormat: "raw",
      sizeBytes: shape.diskMiB * MIB,
    });
    const disk = {
      path: staged.diskPath,
      format: "qcow2",
      backing: { path: rootfsPath, format: "raw", backing: undefined },
    } as const;
    const memory = { path: staged.memoryPath, sharing: "shared" } as const;
    const vmm = await backend.launch(
      { ...order.spec, vmId, disk, paths, memory, state: undefined },
      { signal, onSpawn: (spawned) => (identity = spawned) },
    );
    await warmUp(backend.channelSocketPath(paths, 0), shape.hasNetwork, signal);
    await freeze(backend, paths, { statePath: staged.statePath, signal });
    vmm.detach();
    debugLog("template.frozen", { key: order.key });
  } finally {
    await endVmm(identity);
    await rm(paths.socketDir, { recursive: true, force: true });
    for (const log of [paths.consoleLogPath, paths.vmmLogPath, `${staged.dir}/vmm.pid`]) await rm(log, { force: true });
  }
}

/**
 * Brings the guest to where its first command is about to come. It gets an identity that no VM keeps: to replace one costs a
 * fraction of what it costs to set the first, with files to be made and an interface to be brought up.
 */
async function warmUp(socketPath: string, hasNetwork: boolean, signal: AbortSignal): Promise<void> {
  await using channel = await GuestChannel.connect(socketPath, { signal });
  const network = { address: `${USER_NETWORK.guestIp}/${USER_NETWORK.prefixLength}`, gateway: USER_NETWORK.gatewayIp };
  const identity = {
    hostname: "template",
    machineId: "0".repeat(32),
    sshHostKey: makeSshHostKey("template"),
    newIdentity: true,
    clockNs: "now",
    entropy: randomBytes(64),
    growRoot: true,
    ...(hasNetwork ? { ...network, resolvers: [USER_NETWORK.resolverIp] } : {}),
  } as const;
  await channel.configure(identity, { signal });
  for (const argv of WARM_UP) await runCommand(channel, argv, { signal });
}

/** The memory is in its file already; with the virtual CPUs stopped for good it stays as it is. */
async function freeze(
  backend: Backend,
  paths: VmmPaths,
  options: { readonly statePath: string; readonly signal: AbortSignal },
): Promise<void> {
  await using control = await backend.control(paths, options);
  await control.pause();
  await control.saveDevices(options.statePath);
}

/** The id of the VM from which the template in this directory is made. */
export function makerId(stagingDir: string): string {
  return basename(stagingDir).replace(/^\.[a-z]+-/, "template-");
}

function deadline({ bootTimeoutMs, signal }: TemplateOrder): AbortSignal {
  const timeout = AbortSignal.timeout(bootTimeoutMs);
  return signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
}
