import { setTimeout as sleep } from "node:timers/promises";
import type { ChannelPool } from "../channel-pool.ts";
import type { ManagerContext } from "../context.ts";
import type { IdleWatches } from "./idle-watches.ts";
import { activityOf } from "./vm-activity.ts";

const CONNECT_TIMEOUT_MS = 10_000;
/** The end of an operation of another process is not announced, so a VM that is held is looked at again this often. */
const RETRY_MS = 100;
/** What a process may take to end after it has handed its watch over. */
const PREDECESSOR_MS = 3_000;

/** Watches one VM until it sleeps or rests, and keeps the process alive meanwhile. */
export async function watchIdle(
  context: ManagerContext,
  channels: ChannelPool,
  watches: IdleWatches,
  vmId: string,
  signal: AbortSignal,
): Promise<void> {
  watches.isHandedOver = false;
  const endsByMs = performance.now() + PREDECESSOR_MS;
  for (;;) {
    signal.throwIfAborted();
    // Looked at again after each round, without a lease: whoever woke the VM meanwhile relied on ours.
    const record = context.vms.find(vmId);
    const activity = activityOf(record);
    if (record === undefined || activity === "asleep" || activity === "resting") return;
    if (activity === "changing") {
      await sleep(RETRY_MS, undefined, { signal });
      continue;
    }
    // Whoever has a channel watches, and hands over when it ends: one is enough. But who handed over to us may still be ending.
    if (context.leases.isHeld(vmId, process.pid)) {
      if (performance.now() > endsByMs) return;
      await sleep(RETRY_MS, undefined, { signal });
      continue;
    }
    const channel = await channels.get(record, { timeoutMs: CONNECT_TIMEOUT_MS, signal });
    await restOf(watches, vmId, channel.closed, signal);
    await channels.close(vmId);
  }
}

async function restOf(watches: IdleWatches, vmId: string, closed: Promise<void>, signal: AbortSignal): Promise<void> {
  const watch = watches.find(vmId);
  if (watch === undefined) return;
  // Neither a channel nor a watch keeps a process alive.
  const alive = setInterval(() => {}, 2 ** 30);
  try {
    await new Promise<void>((resolve) => {
      watch.onRest = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true });
      void closed.then(resolve);
    });
    await watch.settled();
  } finally {
    clearInterval(alive);
  }
}
