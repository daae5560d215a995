import { setTimeout as sleep } from "node:timers/promises";
import type { GuestActivity } from "../../guest/identity/guest-activity.ts";

/** A guest that takes less of one CPU than this has nothing to do. One that does nothing at all takes under 1 %. */
const BUSY_SHARE = 0.05;
/** Guests count their CPU time in ticks of 10 ms, and our own questions may be hit by one. */
const TICKS_MS = 20;

/** The times of a look at a guest. */
export interface IdleTimes {
  /** After so long without a call the guest is asked for the first time. */
  readonly firstMs: number;
  /** So much later it is asked again, and what it did in between counts. */
  readonly windowMs: number;
  /** Clocks and timers of host and guest may disagree by so much. */
  readonly slackMs: number;
}

/** The guest is watched for the second half of the time that it must be idle, and at most for `longestMs`. */
export function idleTimes(idlePauseMs: number, longestMs: number = Number.POSITIVE_INFINITY): IdleTimes {
  const windowMs = Math.min(idlePauseMs / 2, longestMs);
  return { firstMs: idlePauseMs - windowMs, windowMs, slackMs: Math.min(50, idlePauseMs / 4) };
}

/**
 * Looks whether a guest is idle, for as long as it has to be.
 *
 * @param ask - undefined: the guest cannot be asked now.
 * @returns 0 when it is idle, else after how many milliseconds another look is of use.
 */
export async function lookAtGuest(
  ask: () => Promise<GuestActivity | undefined>,
  { firstMs, windowMs, slackMs }: IdleTimes,
  signal: AbortSignal,
): Promise<number> {
  const first = await ask();
  if (first === undefined) return firstMs;
  // Other processes have used it since.
  if (first.idleMs < firstMs - slackMs) return firstMs - first.idleMs;
  const startMs = performance.now();
  await sleep(windowMs, undefined, { signal, ref: false });
  const second = await ask();
  if (second === undefined) return firstMs;
  const isUsed = second.idleMs < firstMs + windowMs - slackMs;
  if (isUsed) return Math.max(slackMs, firstMs - second.idleMs);
  const busyMs = ((second.busyUs ?? 0) - (first.busyUs ?? 0)) / 1_000;
  const isBusy = busyMs > Math.max(TICKS_MS, (performance.now() - startMs) * BUSY_SHARE);
  return isBusy ? firstMs : 0;
}
