import { createHash } from "node:crypto";
import type { LaunchedVmm } from "../backends/backend.ts";
import type { StartPhase } from "../config/vm-info.ts";
import { HostError } from "../errors/smolvm-error.ts";
import { freshEntropy, type GuestIdentity } from "../guest/identity/configure-request.ts";
import { makeSshHostKey } from "../guest/identity/ssh-host-key.ts";
import { USER_NETWORK } from "../network/user-network-plan.ts";
import type { VMRecord } from "../state/vm-record.ts";
import type { ChannelPool } from "./channel-pool.ts";
import { lifetimeOf } from "./expiry/time-to-live.ts";

/**
 * Waits for the guest's agent and tells it who it is, before any program of the user runs. Without an agent there is nothing
 * to wait for.
 */
export async function introduceGuest(
  channels: ChannelPool,
  record: VMRecord,
  vmm: LaunchedVmm,
  options: { readonly bootTimeoutMs: number; readonly signal: AbortSignal; readonly growRoot: boolean },
): Promise<readonly StartPhase[]> {
  if (record.config.initrdPath === undefined) return [];
  const phases: StartPhase[] = [];
  let phaseStart = performance.now();
  const endPhase = (name: string): void => {
    const now = performance.now();
    phases.push({ name, durationMs: now - phaseStart });
    phaseStart = now;
  };
  const { signal } = options;
  const connecting = channels.get(record, { timeoutMs: options.bootTimeoutMs, signal });
  const channel = await Promise.race([connecting, vmm.ended.then(failBoot)]);
  endPhase("boot");
  await channel.configure(identityOf(record, options.growRoot), { signal });
  endPhase("configure");
  return phases;
}

/** Who the guest of a VM is. */
export function identityOf(record: VMRecord, growRoot: boolean): GuestIdentity {
  const { id, config, network } = record;
  // RFC 1123 knows no underscore, and some programs refuse a host name that has one.
  const hostname = id.replaceAll("_", "-");
  return {
    hostname,
    machineId: machineIdOf(record),
    clockNs: "now",
    entropy: freshEntropy(),
    env: config.env,
    growRoot,
    // A VM that has run keeps its host key on its disk, for those who know it by that.
    ...(record.startedFrom === null ? { newIdentity: true, sshHostKey: makeSshHostKey(`root@${hostname}`) } : {}),
    ...lifetimeOf(record),
    ...(network === null
      ? {}
      : {
          mac: network.guestMac,
          address: `${network.guestIp}/${USER_NETWORK.prefixLength}`,
          gateway: network.gatewayIp,
          resolvers: [USER_NETWORK.resolverIp],
        }),
  };
}

/** The same at every start of a VM, another one for every VM: its times of creation differ where its names do not. */
function machineIdOf({ id, createdAtMs, network }: VMRecord): string {
  return createHash("sha256")
    .update(JSON.stringify([id, createdAtMs, network?.guestMac]))
    .digest("hex")
    .slice(0, 32);
}

function failBoot(end: string): never {
  throw new HostError("VMM_FAILED", `the VMM ${end} before the guest was ready`);
}
