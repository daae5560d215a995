import { OperationTimeoutError } from "../../errors/smolvm-error.ts";
import type { GuestExec } from "./guest-exec.ts";

/**
 * Kills a command at its deadline; its result and outputs reject with `OperationTimeoutError`.
 *
 * @param startedAtMs - when the deadline begins, by `performance.now()`.
 */
export function killAfter(exec: GuestExec, timeoutMs: number, startedAtMs: number): void {
  const expire = (): void =>
    exec.cancel(new OperationTimeoutError(`the command ran longer than ${timeoutMs} ms`, { details: { timeoutMs } }));
  const timer = setTimeout(expire, startedAtMs + timeoutMs - performance.now());
  const clear = (): void => clearTimeout(timer);
  exec.exited.then(clear, clear);
}
