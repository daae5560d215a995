import type { GuestChannel } from "../../guest/channel/channel.ts";
import type { GuestActivity } from "../../guest/identity/guest-activity.ts";
import { debugLog } from "../../process/debug-log.ts";
import { type IdleTimes, idleTimes, lookAtGuest } from "./idle-question.ts";
import type { VMActivity } from "./vm-activity.ts";

/** A guest that does not answer within this time was paused by somebody else, or is far from idle. */
const ASK_TIMEOUT_MS = 2_000;

/** What a watch needs of the VM's channel. */
export type WatchedChannel = Pick<GuestChannel, "traffic" | "listenToTraffic" | "closed" | "activity">;

/** What a watch can do with its VM. */
export interface WatchedVM {
  readonly vmId: string;
  readonly idlePauseMs: number;
  activity(): VMActivity;
  /** Holds the VM and pauses it if `isIdle` says so then; lets it go on at once if `isUsed` says so after. */
  pause(isIdle: () => Promise<boolean>, isUsed: () => boolean): Promise<void>;
  wake(): Promise<void>;
}

/**
 * Pauses a VM when neither this process, which has a channel to it, nor another one has used it for a while, and its guest has
 * nothing to do. While a call of this process is open, nothing is looked at.
 *
 * A call that comes while a VM is paused must not wait in vain. Each process looks at the VM's record right after its first call
 * has left, and whoever pauses asks the guest after the record says so: one of the two sees the other.
 */
export class IdleWatch {
  readonly #vm: WatchedVM;
  readonly #channel: WatchedChannel;
  readonly #times: IdleTimes;
  readonly #ended = new AbortController();
  /** When the last call of this process had ended. */
  #quietSinceMs: number = performance.now();
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires. */
  #dueMs = 0;
  #looking: Promise<void> | undefined;
  #isPausing = false;
  /** Called when a look finds that the VM does not run. */
  onRest: (() => void) | undefined;

  constructor(vm: WatchedVM, channel: WatchedChannel) {
    this.#vm = vm;
    this.#channel = channel;
    this.#times = idleTimes(vm.idlePauseMs);
    channel.listenToTraffic({ onBusy: () => this.#wakeIfAsleep(), onQuiet: () => this.#becomeQuiet() });
    void channel.closed.then(() => this.end());
    this.#arm(this.#times.firstMs);
  }

  /** Looks no more. */
  end(): void {
    this.#ended.abort();
    clearTimeout(this.#timer);
  }

  /** Resolves when no look is under way. */
  async settled(): Promise<void> {
    await this.#looking;
  }

  /** Looks at once, for `longestMs` at most. Resolves when the look is over; never rejects. */
  async look(longestMs?: number): Promise<void> {
    this.#looking ??= this.#look(idleTimes(this.#vm.idlePauseMs, longestMs)).then((waitMs) => {
      this.#looking = undefined;
      this.#arm(waitMs);
    });
    await this.#looking;
  }

  /** @returns after how many milliseconds another look is of use. */
  async #look(times: IdleTimes): Promise<number> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    let waitMs = this.#vm.idlePauseMs;
    try {
      waitMs = await this.#pauseIfIdle(times);
    } catch (error) {
      debugLog("idle.look", { vmId: this.#vm.vmId, reason: (error as Error).message });
    }
    if (this.#ended.signal.aborted) return waitMs;
    if (this.#channel.traffic.openCount > 0) this.#wakeIfAsleep();
    const activity = this.#vm.activity();
    if (activity === "asleep" || activity === "resting") this.onRest?.();
    return waitMs;
  }

  #becomeQuiet(): void {
    // Our own questions end, too; calls of others during a look show in what the guest says.
    if (this.#looking !== undefined) return;
    this.#quietSinceMs = performance.now();
    this.#arm(this.#times.firstMs);
  }

  /** Calls do not touch a timer that is due before: one that fires early is set again. */
  #arm(delayMs: number): void {
    if (this.#ended.signal.aborted || this.#looking !== undefined) return;
    const dueMs = performance.now() + delayMs;
    if (this.#timer !== undefined && this.#dueMs <= dueMs) return;
    clearTimeout(this.#timer);
    this.#dueMs = dueMs;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // The end of the last call sets it again.
      if (this.#channel.traffic.openCount > 0) return;
      const leftMs = this.#times.firstMs - (performance.now() - this.#quietSinceMs);
      if (leftMs > 1) this.#arm(leftMs);
      else void this.look();
    }, delayMs).unref();
  }

  /** @returns after how many milliseconds another look is of use. */
  async #pauseIfIdle(times: IdleTimes): Promise<number> {
    const { idlePauseMs } = this.#vm;
    const ask = async (): Promise<GuestActivity | undefined> => await this.#ask();
    const waitMs = await lookAtGuest(ask, times, this.#ended.signal);
    if (waitMs > 0) return waitMs;
    this.#isPausing = true;
    try {
      await this.#vm.pause(
        async () => (await this.#isStillIdle()) && (await this.#isStillIdle()),
        () => this.#channel.traffic.openCount > 0,
      );
    } finally {
      this.#isPausing = false;
    }
    return idlePauseMs;
  }

  /** Asked twice: whatever others had sent before the first question has come to the guest before the second. */
  async #isStillIdle(): Promise<boolean> {
    const { idleMs } = await this.#channel.activity({ timeoutMs: ASK_TIMEOUT_MS });
    return this.#channel.traffic.openCount === 0 && idleMs >= this.#vm.idlePauseMs - this.#times.slackMs;
  }

  async #ask(): Promise<GuestActivity | undefined> {
    // One that others have paused would not answer, and must not be woken for this.
    if (this.#vm.activity() !== "running" || this.#channel.traffic.openCount > 0) return undefined;
    return await this.#channel.activity({ timeoutMs: ASK_TIMEOUT_MS });
  }

  #wakeIfAsleep(): void {
    if (this.#isPausing || this.#ended.signal.aborted || this.#vm.activity() !== "asleep") return;
    this.#vm.wake().catch((error: unknown) => {
      debugLog("idle.wake", { vmId: this.#vm.vmId, reason: (error as Error).message });
    });
  }
}
