import { statSync } from "node:fs";
import type { LaunchedVmm } from "../backends/backend.ts";
import type { StartPhase } from "../config/vm-info.ts";
import { HostError, OperationTimeoutError, SmolVMError } from "../errors/smolvm-error.ts";
import { chooseAccelerator } from "../host/accelerator.ts";
import { USER_NETWORK } from "../network/user-network-plan.ts";
import { readTail } from "../process/read-tail.ts";
import type { VMRecord } from "../state/vm-record.ts";
import type { ChannelPool } from "./channel-pool.ts";
import { backendOf, type ManagerContext, pathsOf } from "./context.ts";
import { announceEmulation } from "./emulation-notice.ts";
import { assertState, isDone } from "./effective-status.ts";
import { applyEnv } from "./environment.ts";
import { makeVmDirs } from "./vm-files.ts";
import { endVmm } from "./vmm.ts";

/** Of each tail, the lines that an error's message shows. */
const SHOWN_LINES = 5;

/** Deadline and cancellation of a start. */
export interface StartOptions {
  readonly bootTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Boots a VM and tells its guest who it is. The caller holds the VM. A failed start ends the VMM and leaves the disk as it
 * is; the VM is then in state `error` (or in the one before, when the caller cancelled) and may be started again.
 *
 * @throws {OperationTimeoutError} when the guest is not ready in time; with the tails of console and VMM log.
 * @throws {SmolVMError} `BOOT_FAILED` when the VMM ends before the guest is ready; with the same tails.
 */
export async function startVm(
  context: ManagerContext,
  channels: ChannelPool,
  record: VMRecord,
  options: StartOptions,
): Promise<void> {
  if (isDone(record, "start")) return;
  assertState(record, "start");
  const backend = backendOf(context, record);
  backend.assertUsable();
  const { accelerator, reason } = chooseAccelerator();
  if (record.imageId !== null) await context.images.resolve(record.imageId);
  if (accelerator === "tcg") announceEmulation(reason);

  // One that is on its way out still holds the disk.
  await endVmm(record.vmm);
  const paths = pathsOf(context, record);
  makeVmDirs(paths);
  const logStart = { console: sizeOf(paths.consoleLogPath), vmm: sizeOf(paths.vmmLogPath) };
  const deadline = AbortSignal.timeout(options.bootTimeoutMs);
  const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
  let vmm: LaunchedVmm | undefined;
  try {
    vmm = await backend.launch(
      {
        ...record.config,
        disk: {
          path: record.diskPath ?? record.config.rootfsPath,
          format: record.diskPath === null ? "raw" : "qcow2",
          backingPath: record.diskPath === null ? undefined : record.config.rootfsPath,
        },
        network: record.network,
        accelerator,
        paths,
      },
      { signal, onSpawn: (identity) => context.vms.setVmm(record.id, { vmm: identity, accelerator }) },
    );
    const launched = context.vms.get(record.id);
    const phases = [...vmm.phases, ...(await bootGuest(channels, launched, vmm, { ...options, signal }))];
    context.vms.setRunning(record.id, phases);
    await applyEnv(context, channels, record.id, { told: launched.config.env, signal });
    vmm.detach();
  } catch (cause) {
    await channels.close(record.id);
    await endVmm(context.vms.get(record.id).vmm);
    vmm?.detach();
    const error = explain(
      record,
      cause,
      { deadline, ...options },
      {
        consoleTail: readTail(paths.consoleLogPath, logStart.console),
        vmmLogTail: readTail(paths.vmmLogPath, logStart.vmm),
      },
    );
    const cancelled = options.signal?.aborted === true && !deadline.aborted;
    if (cancelled) context.vms.setDown(record.id, record.status === "created" ? "created" : "stopped");
    else context.vms.setDown(record.id, "error", error.message);
    throw error;
  }
}

/** Waits for the agent and configures the guest. Without an agent there is nothing to wait for. */
async function bootGuest(
  channels: ChannelPool,
  record: VMRecord,
  vmm: LaunchedVmm,
  options: StartOptions,
): Promise<readonly StartPhase[]> {
  if (record.config.initrdPath === undefined) return [];
  const phases: StartPhase[] = [];
  let phaseStart = performance.now();
  const endPhase = (name: string): void => {
    const now = performance.now();
    phases.push({ name, durationMs: now - phaseStart });
    phaseStart = now;
  };
  const connecting = channels.get(record, { timeoutMs: options.bootTimeoutMs, signal: options.signal });
  const channel = await Promise.race([connecting, vmm.ended.then(failBoot)]);
  endPhase("boot");
  const { network, config } = record;
  await channel.configure(
    {
      // RFC 1123 knows no underscore, and some programs refuse a host name that has one.
      hostname: record.id.replaceAll("_", "-"),
      clockNs: "now",
      entropy: crypto.getRandomValues(new Uint8Array(64)),
      env: config.env,
      growRoot: config.diskMode === "isolated",
      ...(network === null
        ? {}
        : {
            address: `${network.guestIp}/${USER_NETWORK.prefixLength}`,
            gateway: network.gatewayIp,
            resolvers: [USER_NETWORK.resolverIp],
          }),
    },
    options.signal === undefined ? {} : { signal: options.signal },
  );
  endPhase("configure");
  return phases;
}

function failBoot(end: string): never {
  throw new HostError("VMM_FAILED", `the VMM ${end} before the guest was ready`);
}

/** The error that the caller of a failed start gets. */
function explain(
  record: VMRecord,
  cause: unknown,
  options: StartOptions & { readonly deadline: AbortSignal },
  tails: { readonly consoleTail: string; readonly vmmLogTail: string },
): Error {
  const details = { vmId: record.id, ...tails };
  if (options.signal?.aborted === true && !options.deadline.aborted) return options.signal.reason as Error;
  if (options.deadline.aborted || cause instanceof OperationTimeoutError) {
    return new OperationTimeoutError(
      `the VM "${record.id}" was not ready within ${options.bootTimeoutMs} ms${withTail(tails)}`,
      { cause, details, hint: "Raise bootTimeoutMs, or read the console with `smolvm logs`." },
    );
  }
  if (cause instanceof SmolVMError && cause.code !== "VMM_FAILED" && cause.code !== "CHANNEL_BROKEN") return cause;
  return new SmolVMError(
    "BOOT_FAILED",
    `the VM "${record.id}" failed to boot: ${(cause as Error).message}${withTail(tails)}`,
    { cause, details },
  );
}

/** The last lines of what the guest and the VMM said, as most users read only the message. */
function withTail(tails: { readonly consoleTail: string; readonly vmmLogTail: string }): string {
  const lines = [...lastLines("vmm", tails.vmmLogTail), ...lastLines("console", tails.consoleTail)];
  return lines.length === 0 ? "" : `\n${lines.join("\n")}`;
}

function lastLines(what: string, tail: string): readonly string[] {
  if (tail === "") return [];
  const lines = tail.split("\n");
  // Why a kernel gave up stands above its stack.
  const panic = lines.slice(0, -SHOWN_LINES).findLast((line) => line.includes("Kernel panic"));
  return [...(panic === undefined ? [] : [panic]), ...lines.slice(-SHOWN_LINES)].map((line) => `  ${what}: ${line}`);
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
