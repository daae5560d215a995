import { constants } from "node:os";

const controller = new AbortController();

/** Fires at the first Ctrl-C or TERM; every command of the command line listens to it. */
export const interrupted: AbortSignal = controller.signal;

/** Why a command was cut short. */
export class Interruption extends Error {
  override readonly name = "AbortError";
  readonly exitCode: number;

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

/** The first signal lets the command clean up; the second one ends the process at once. */
export function installInterruptHandler(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      const interruption = new Interruption(signal);
      if (interrupted.aborted) process.exit(interruption.exitCode);
      controller.abort(interruption);
    });
  }
}
