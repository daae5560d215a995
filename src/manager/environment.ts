import { isDeepStrictEqual } from "node:util";
import { checkEnvironment, checkEnvironmentSize, checkVariableName, type Environment } from "../config/environment.ts";
import type { VMRecord } from "../state/vm-record.ts";
import type { ChannelPool } from "./channel-pool.ts";
import type { ManagerContext } from "./context.ts";
import { effectiveStatus } from "./effective-status.ts";

const APPLY_TIMEOUT_MS = 10_000;

/** Sets environment variables of a VM; see {@link applyEnv} for when its guest knows them. */
export async function setEnv(
  context: ManagerContext,
  channels: ChannelPool,
  vmId: string,
  variables: Environment,
): Promise<void> {
  const added = { ...checkEnvironment("env", variables) };
  context.vms.updateEnv(vmId, (env) => {
    const all = { ...env, ...added };
    checkEnvironmentSize("env", all);
    return all;
  });
  await applyEnv(context, channels, vmId);
}

/** Removes environment variables of a VM. */
export async function unsetEnv(
  context: ManagerContext,
  channels: ChannelPool,
  vmId: string,
  names: readonly string[],
): Promise<void> {
  const removed = new Set(names.map((name) => checkVariableName("unsetEnv()", name)));
  context.vms.updateEnv(vmId, (env) => Object.fromEntries(Object.entries(env).filter(([name]) => !removed.has(name))));
  await applyEnv(context, channels, vmId);
}

/**
 * Tells a running guest its variables, as the record has them.
 *
 * Several processes may change and apply them at once, without a lock: each looks at the record again after it has told the guest, and
 * tells once more what has changed. So whoever tells the guest last, tells it what the record says. A VM that starts is
 * told by its starter, which looks once more when the record says that the VM runs.
 *
 * @param told - what the guest has been told already, by this caller.
 */
export async function applyEnv(
  context: ManagerContext,
  channels: ChannelPool,
  vmId: string,
  options: { readonly told?: Environment; readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  let { told } = options;
  for (;;) {
    const record = context.vms.get(vmId);
    const { env, initrdPath } = record.config;
    if (isDeepStrictEqual(env, told) || initrdPath === undefined || effectiveStatus(record) !== "running") return;
    try {
      const channel = await channels.get(record, { timeoutMs: APPLY_TIMEOUT_MS, signal: options.signal });
      await channel.configure({ env }, { timeoutMs: APPLY_TIMEOUT_MS, signal: options.signal });
    } catch (error) {
      // Who stops the VM meanwhile loses nothing: its next start tells the guest.
      if (isLeaving(context.vms.get(vmId))) return;
      throw error;
    }
    told = env;
  }
}

function isLeaving(record: VMRecord): boolean {
  return record.operation === "stop" || record.operation === "delete" || effectiveStatus(record) !== "running";
}
