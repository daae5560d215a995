import { randomBytes } from "node:crypto";
import type { Backend } from "../../backends/backend.ts";
import { SmolVMError } from "../../errors/smolvm-error.ts";
import type { GuestChannel } from "../../guest/channel/channel.ts";
import { runCommand } from "../../guest/command/run-command.ts";
import { freshEntropy } from "../../guest/identity/configure-request.ts";
import { makeSshHostKey } from "../../guest/identity/ssh-host-key.ts";
import type { PoolRecord } from "../../state/pool-repository.ts";
import type { ChannelPool } from "../channel-pool.ts";
import type { ManagerContext } from "../context.ts";
import { createVm } from "../create-vm.ts";
import { withOperation } from "../operation.ts";
import { pauseVm } from "../pause-vm.ts";
import type { VMDefinition } from "../resolve-config.ts";
import { startVm } from "../start-vm.ts";
import { warmTemplate } from "../warm-template.ts";

/** How long a template, or a VM that continues from one, may take. */
const BOOT_TIMEOUT_MS = 60_000;

/** What users run first: a shell, a program without one, and one that is linked like most. */
const TOUCHES: readonly (readonly string[])[] = [
  ["/bin/sh", "-c", "true"],
  ["/bin/sh", "-c", "echo touched"],
  ["/bin/true"],
  ["/usr/bin/env"],
];
/** What was translated in the first round is linked in the second (QEMU, "translation block chaining"). */
const ROUNDS = 2;

/** Adds a VM to a pool: made from the template, touched, paused. What a crash leaves half-made, `dropMembers` removes. */
export async function makeMember(
  context: ManagerContext,
  channels: ChannelPool,
  pool: PoolRecord,
  on: { readonly backend: Backend; readonly definition: VMDefinition; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const { backend, definition, signal } = on;
  await warmTemplate(context, definition, backend, { bootTimeoutMs: BOOT_TIMEOUT_MS, signal });
  const vmId = `pool-${randomBytes(6).toString("hex")}`;
  const config = { ...definition.config, vmId };
  await createVm(context, { ...definition, config, pool: pool.key }, { signal });
  try {
    // Held from here to the end, so that nobody takes it for one that was left half-made.
    await withOperation(
      context,
      vmId,
      "start",
      async (record) => {
        await startVm(context, channels, record, { bootTimeoutMs: BOOT_TIMEOUT_MS, from: "template", signal });
        const started = context.vms.get(vmId);
        await touch(await channels.get(started, { timeoutMs: BOOT_TIMEOUT_MS, signal }), signal);
        await channels.close(vmId);
        await pauseVm(context, started, "user");
      },
      signal,
    );
  } finally {
    await channels.close(vmId);
  }
}

/**
 * Has the guest do once what its first minute will be about: an emulated CPU translates the code, and the kernel reads the
 * files. It gets an identity that nobody keeps, since to be told one is part of that.
 */
async function touch(channel: GuestChannel, signal: AbortSignal | undefined): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const hostname = `pool-${round}`;
    const identity = {
      hostname,
      machineId: randomBytes(16).toString("hex"),
      clockNs: "now",
      entropy: freshEntropy(),
      // The file for login shells is made with the first variable.
      env: { TOUCHED: hostname },
      newIdentity: true,
      sshHostKey: makeSshHostKey(`root@${hostname}`),
    } as const;
    await channel.configure(identity, { signal });
    for (const argv of TOUCHES) {
      try {
        await runCommand(channel, argv, signal === undefined ? {} : { signal });
      } catch (error) {
        // An image may lack it.
        if (!(error instanceof SmolVMError && error.code.startsWith("COMMAND_NOT_"))) throw error;
      }
    }
  }
}
