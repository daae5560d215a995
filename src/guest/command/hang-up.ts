import type { GuestExec } from "./guest-exec.ts";

/** What a shell has to end its jobs in; it takes some milliseconds, and more where the guest is busy. */
const HANG_UP_GRACE_MS = 1_000;

/**
 * Ends a command as the loss of its terminal does: a shell ends its jobs, which have process groups of their own, and then
 * itself. What is still there after a second is left to `insist`.
 */
export function hangUp(exec: GuestExec, insist: () => void): void {
  exec.signal("SIGHUP");
  // A shell that was about to wait for keys notices the signal at the next one: the end of file, as on a lost line.
  if (exec.hasStdin) void exec.stdin.end();
  const timer = setTimeout(insist, HANG_UP_GRACE_MS);
  const clear = (): void => clearTimeout(timer);
  exec.result.then(clear, clear);
}
