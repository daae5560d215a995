import type { VMRecord } from "../state/vm-record.ts";
import { askVmm } from "./ask-vmm.ts";
import type { ChannelPool } from "./channel-pool.ts";
import { backendOf, type ManagerContext, pathsOf } from "./context.ts";
import { assertState, isDone } from "./effective-status.ts";
import { applyEnv } from "./environment.ts";
import { lifetimeOf } from "./expiry/time-to-live.ts";

/** How long the guest may take to take its new clock. */
const CLOCK_TIMEOUT_MS = 10_000;

/**
 * Stops the virtual CPUs of a VM: it keeps its memory, its connections and its ports, and costs no time of a CPU. The caller
 * holds the VM. `by` says who may wake it: its user alone, or the next call to its guest.
 */
export async function pauseVm(context: ManagerContext, record: VMRecord, by: "user" | "idle"): Promise<void> {
  if (!isDone(record, "pause")) {
    assertState(record, "pause");
    await using control = await backendOf(context, record).control(pathsOf(context, record));
    await control.pause();
  }
  // One that was put to sleep, and is paused by its user now, stays so.
  if (record.pausedBy !== "user") context.vms.setPaused(record.id, by);
}

/** Lets a paused VM go on, with the clock of the host. The caller holds the VM. */
export async function resumeVm(
  context: ManagerContext,
  channels: ChannelPool,
  record: VMRecord,
  signal?: AbortSignal,
): Promise<void> {
  if (isDone(record, "resume")) return;
  assertState(record, "resume");
  {
    await using control = await backendOf(context, record).control(pathsOf(context, record), { signal });
    await control.resume();
  }
  if (record.config.initrdPath !== undefined) {
    // The guest's clock, and the time that it has left, have stood still with its CPUs; its variables may have been changed.
    const channel = await channels.get(record, { timeoutMs: CLOCK_TIMEOUT_MS, signal });
    const { env } = record.config;
    const news = { clockNs: "now", env, ...lifetimeOf(record) } as const;
    await channel.configure(news, signal === undefined ? {} : { signal });
  }
  // Last, so that a guest whose clock was not set counts as paused.
  context.vms.setResumed(record.id);
  await applyEnv(context, channels, record.id, { told: record.config.env, signal });
}

/**
 * Makes the record say what a VM does whose pause, resume or snapshot was interrupted: whether its CPUs stand still. Does nothing
 * for one whose VMM has ended, or is ending.
 */
export async function settlePause(context: ManagerContext, record: VMRecord): Promise<void> {
  const { operation, status } = record;
  await askVmm(context, record, async (control) => {
    const isPaused = await control.isPaused();
    if ((operation === "pause" || operation === "idle-pause") && isPaused && status === "running") {
      context.vms.setPaused(record.id, operation === "pause" ? "user" : "idle");
    } else if (status === "paused" && !isPaused) {
      // Its clock may be wrong still.
      await control.pause();
    } else if (isPaused && status === "running") {
      // Whoever made a snapshot of it, or was about to let it go on, has died meanwhile.
      await control.resume();
    }
  });
}
