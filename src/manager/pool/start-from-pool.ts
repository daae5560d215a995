import type { Backend } from "../../backends/backend.ts";
import type { StartPhase } from "../../config/vm-info.ts";
import { SmolVMError } from "../../errors/smolvm-error.ts";
import { debugLog } from "../../process/debug-log.ts";
import type { Claim } from "../../state/pool-repository.ts";
import type { VMRecord } from "../../state/vm-record.ts";
import { templatePrefix } from "../../templates/template-store.ts";
import { requestBackground } from "../background/background-jobs.ts";
import type { ChannelPool } from "../channel-pool.ts";
import { type ManagerContext, pathsOf } from "../context.ts";
import { applyEnv } from "../environment.ts";
import { identityOf } from "../introduce-guest.ts";
import type { StartOptions } from "../start-vm.ts";
import { wantedTemplate } from "../start-source.ts";
import { isPoolFor } from "./pool-config.ts";
import { giveUpClaim, removeOwnPlace } from "./claim-place.ts";

/** A waiting VM answers within some 10 ms. One that has not by then is broken, and the start goes on without it. */
const ANSWER_TIMEOUT_MS = 5_000;

/**
 * Starts a VM by making one that waits in a pool to it. The caller holds the VM. False: none waits, and the VM is as it was.
 *
 * @throws the reason of the caller's signal.
 * @throws {SmolVMError} `POOL_EMPTY` where nothing but a pool will do.
 */
export async function startFromPool(
  context: ManagerContext,
  channels: ChannelPool,
  record: VMRecord,
  options: StartOptions & { readonly backend: Backend; readonly accelerator: string },
): Promise<boolean> {
  const { from, signal } = options;
  const wanted = from === "auto" || from === "pool" ? await claimFor(context, record, options) : undefined;
  // Also where it is empty, or holds VMs of an earlier template alone.
  if (wanted !== undefined) requestBackground(context, { kind: "fill" });
  while (wanted !== undefined) {
    signal?.throwIfAborted();
    const startMs = performance.now();
    const member = context.pools.claim(record.id, wanted);
    if (member === undefined) break;
    const claimMs = performance.now() - startMs;
    debugLog("pool.claimed", { vmId: record.id, member: member.id });
    try {
      await wake(context, channels, record.id, { ...options, claimMs });
      removeOwnPlace(context, record.id, wanted.diskPath);
      return true;
    } catch (error) {
      debugLog("pool.broken", { member: member.id, reason: (error as Error).message });
      await channels.close(record.id);
      await giveUpClaim(context, context.vms.get(record.id), wanted.diskPath);
    }
  }
  if (from === "pool") {
    throw new SmolVMError("POOL_EMPTY", `no VM waits in a pool that the VM "${record.id}" could start from`, {
      details: { vmId: record.id },
    });
  }
  return false;
}

/** What a VM can claim; undefined for one that has run before, or is of a kind that has no templates. */
async function claimFor(
  context: ManagerContext,
  record: VMRecord,
  { backend, accelerator }: { readonly backend: Backend; readonly accelerator: string },
): Promise<(Claim & { readonly diskPath: string }) | undefined> {
  if (record.status !== "created" || record.diskPath === null) return undefined;
  if (!context.pools.list().some((pool) => isPoolFor(pool, record))) return undefined;
  const { config, network } = record;
  const disk = { path: record.diskPath, format: "qcow2", backing: undefined } as const;
  const spec = { ...config, disk, network, accelerator, paths: pathsOf(context, record) };
  const wanted = await wantedTemplate(record, backend, spec);
  const { diskPath } = record;
  return wanted && { templatePrefix: templatePrefix(wanted.key), diskMiB: config.diskMiB, diskPath };
}

/** Lets the claimed VM go on, and tells it who it is. */
async function wake(
  context: ManagerContext,
  channels: ChannelPool,
  vmId: string,
  options: StartOptions & { readonly backend: Backend; readonly claimMs: number },
): Promise<void> {
  const phases: StartPhase[] = [{ name: "claim", durationMs: options.claimMs }];
  let phaseStart = performance.now();
  const endPhase = (name: string): void => {
    const now = performance.now();
    phases.push({ name, durationMs: now - phaseStart });
    phaseStart = now;
  };
  const deadline = AbortSignal.timeout(Math.min(ANSWER_TIMEOUT_MS, options.bootTimeoutMs));
  const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
  const record = context.vms.get(vmId);
  {
    await using control = await options.backend.control(pathsOf(context, record), { signal });
    await control.resume();
  }
  endPhase("resume");
  const channel = await channels.get(record, { timeoutMs: ANSWER_TIMEOUT_MS, signal });
  endPhase("connect");
  // Its disk has the size that was asked for, and its interface the address of this record: it was told so while it was made.
  const {
    mac: _mac,
    address: _address,
    gateway: _gateway,
    resolvers: _resolvers,
    ...identity
  } = identityOf(record, false);
  await channel.configure(identity, { signal });
  endPhase("configure");
  const memoryPath = record.memoryPath ?? undefined;
  context.vms.setRunning(vmId, { startedFrom: "pool", phases, memoryPath });
  await applyEnv(context, channels, vmId, { told: record.config.env, signal });
}
