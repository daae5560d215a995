import type { GuestChannel } from "../../guest/channel/channel.ts";
import type { VMRecord } from "../../state/vm-record.ts";
import type { ChannelPool } from "../channel-pool.ts";
import type { ManagerContext } from "../context.ts";
import { atExit } from "../../process/at-exit.ts";
import { debugLog } from "../../process/debug-log.ts";
import { waitWithin } from "../wait-within.ts";
import { handOverWatch } from "./hand-over.ts";
import { pauseIdleVm, wakeVm } from "./idle-pause.ts";
import { IdleWatch, type WatchedVM } from "./idle-watch.ts";
import { activityOf } from "./vm-activity.ts";

const CONNECT_TIMEOUT_MS = 10_000;
/** How long a guest is watched where somebody waits for it. */
const SHORT_LOOK_MS = 500;

/**
 * The watches of one manager: over each VM with `idlePauseMs` that it has a channel to. Several processes may watch a VM, since
 * whoever pauses it holds it; that a live process has a lease on one of its channels means that it is watched.
 */
export class IdleWatches {
  readonly #context: ManagerContext;
  readonly #channels: ChannelPool;
  readonly #watches = new Map<string, IdleWatch>();
  readonly #wakings = new Map<string, Promise<void>>();
  #atExit: Disposable | undefined;
  /** Whether others go on watching when this manager ends. */
  isHandedOver = true;

  constructor(context: ManagerContext, channels: ChannelPool) {
    this.#context = context;
    this.#channels = channels;
    channels.onOpen = (record, channel) => this.#begin(record, channel);
  }

  /** The watch over a VM that this manager has a channel to. */
  find(vmId: string): IdleWatch | undefined {
    return this.#watches.get(vmId);
  }

  /** Wakes a VM that is asleep; callers at once wake it once. */
  async wake(
    vmId: string,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<void> {
    await waitWithin(this.#wake(vmId), { ...options, what: `waking the VM "${vmId}"` });
  }

  /** VMs that nobody watches, as after a crash, are watched from now on; those that are idle are paused at once. */
  async watchUnwatched(): Promise<void> {
    const { vms, leases } = this.#context;
    const unwatched = vms
      .list()
      .filter((record) => record.config.idlePauseMs !== undefined && record.pool === null)
      .filter((record) => activityOf(record) === "running" && !leases.isHeld(record.id));
    await Promise.all(
      unwatched.map(async (record) => {
        try {
          await this.#channels.get(record, { timeoutMs: CONNECT_TIMEOUT_MS });
          await this.#watches.get(record.id)?.look(SHORT_LOOK_MS);
        } catch (error) {
          debugLog("idle.unwatched", { vmId: record.id, reason: (error as Error).message });
        }
      }),
    );
  }

  /** Closes the channels too, and leaves the VMs that still run to others. */
  async close(): Promise<void> {
    const watches = [...this.#watches];
    this.#atExit?.[Symbol.dispose]();
    for (const [, watch] of watches) watch.end();
    // What is being paused or woken is held, and must be let go while the state is open.
    await Promise.all(watches.map(([, watch]) => watch.settled()));
    await Promise.allSettled(this.#wakings.values());
    await this.#channels[Symbol.asyncDispose]();
    this.#handOverUnwatched(watches.map(([vmId]) => vmId));
  }

  /** The last process to give its lease back sees that nobody else has one. */
  #handOverUnwatched(vmIds: Iterable<string>, exceptPid?: number): void {
    if (!this.isHandedOver) return;
    for (const vmId of vmIds) {
      const activity = activityOf(this.#context.vms.find(vmId));
      const isRunning = activity === "running" || activity === "changing";
      if (isRunning && !this.#context.leases.isHeld(vmId, exceptPid)) handOverWatch(this.#context, vmId);
    }
  }

  #begin(record: VMRecord, channel: GuestChannel): void {
    const { idlePauseMs } = record.config;
    if (idlePauseMs === undefined) return;
    const watch = new IdleWatch(this.#watched(record.id, idlePauseMs), channel);
    this.#watches.set(record.id, watch);
    // The leases of this process end with it.
    this.#atExit ??= atExit(() => this.#handOverUnwatched(this.#watches.keys(), process.pid));
    void channel.closed.then(() => {
      if (this.#watches.get(record.id) === watch) this.#watches.delete(record.id);
    });
  }

  #watched(vmId: string, idlePauseMs: number): WatchedVM {
    return {
      vmId,
      idlePauseMs,
      activity: () => activityOf(this.#context.vms.find(vmId)),
      pause: (isIdle, isUsed) => pauseIdleVm(this.#context, this.#channels, vmId, { isIdle, isUsed }),
      wake: () => this.#wake(vmId),
    };
  }

  #wake(vmId: string): Promise<void> {
    const running = this.#wakings.get(vmId);
    if (running !== undefined) return running;
    const waking = wakeVm(this.#context, this.#channels, vmId).finally(() => this.#wakings.delete(vmId));
    this.#wakings.set(vmId, waking);
    return waking;
  }
}
