import { assertKnownOptions } from "../../config/known-options.ts";
import { describe } from "../../config/vm-id.ts";
import { SmolVMError, ValidationError } from "../../errors/smolvm-error.ts";
import type { GuestChannel } from "../channel/channel.ts";
import { checkTimeout } from "../channel/check-timeout.ts";
import type { Command } from "../command/command-argv.ts";
import type { CommandInput } from "../command/command-input.ts";
import { killAfter } from "../command/kill-after.ts";
import { COMMAND_OPTIONS, type CommandOptions, startCommand } from "../command/start-command.ts";
import { DEFAULT_TERMINAL_SIZE, type TerminalSize } from "../command/terminal-size.ts";
import { GuestProcess } from "./guest-process.ts";
import { checkProcessName } from "./process-name.ts";
import { watchDetached } from "./watch-detached.ts";

const SPAWN_OPTIONS = [...COMMAND_OPTIONS, "stdin", "tty", "timeoutMs", "detached", "name"];

/** How a process is started. */
export interface SpawnOptions extends CommandOptions {
  /**
   * `"pipe"` (default): the process reads what is written to `stdin`. `"ignore"`: it reads `/dev/null`, as a detached one always does. Else
   * what it reads, up to its end (text that may be one of these two words is given as bytes); a source that fails kills the
   * process, and `exited` rejects with the source's error.
   */
  readonly stdin?: CommandInput | undefined;
  /** Gives it a terminal (of 80 × 24 where it is `true`), to which `stdout` and `stdin` belong then. Default: none. */
  readonly tty?: boolean | TerminalSize | undefined;
  /** Kills it after this time, counted from the call on; `exited` and its outputs reject with `OperationTimeoutError`. */
  readonly timeoutMs?: number | undefined;
  /** Lets it outlive this program, until it ends or the VM stops. Excludes `tty`, `timeoutMs`, and input. Default false. */
  readonly detached?: boolean | undefined;
  /** Name of a detached process, of up to 64 bytes and not a number: no two that run have the same. */
  readonly name?: string | undefined;
}

/** Throws `ValidationError` for options that `spawn` does not have, or that exclude each other. */
export function checkSpawnOptions(options: SpawnOptions): void {
  assertKnownOptions("spawn()", options, SPAWN_OPTIONS);
  checkTimeout(options.timeoutMs);
  const { detached = false, name, stdin, tty = false, timeoutMs } = options;
  if (name !== undefined && !detached) throw invalid("name", "name goes with detached: true");
  if (name !== undefined) checkProcessName(name);
  if (!detached) return;
  // Such options need somebody who stays.
  if (stdin !== undefined && stdin !== "ignore") throw invalid("stdin", "a detached process has no stdin");
  if (tty !== false) throw invalid("tty", "a detached process has no terminal");
  if (timeoutMs !== undefined) throw invalid("timeoutMs", "a detached process has no deadline");
}

/**
 * Starts a process, and resolves once it runs.
 *
 * @param startedAtMs - when the deadline begins, by `performance.now()`.
 * @throws {ValidationError} `COMMAND_NOT_FOUND`, `COMMAND_NOT_EXECUTABLE`, `UNKNOWN_USER`, `PROCESS_NAME_IN_USE`, `OperationTimeoutError`,
 * `CHANNEL_BROKEN`, or the reason of the signal.
 */
export async function spawnProcess(
  channel: GuestChannel,
  command: Command,
  options: SpawnOptions = {},
  startedAtMs: number = performance.now(),
): Promise<GuestProcess> {
  checkSpawnOptions(options);
  const { stdin, tty = false, timeoutMs, detached = false, ...others } = options;
  const dropped = { bytes: 0 };
  const exec = startCommand(
    channel,
    command,
    { ...others, detached, tty: toSize(tty), onSkipped: (_stream, bytes) => (dropped.bytes += bytes) },
    toInput(stdin, detached),
  );
  if (detached) watchDetached(exec, dropped);
  if (timeoutMs !== undefined) killAfter(exec, timeoutMs, startedAtMs);
  const started = await exec.started;
  if (detached && started.processNumber === undefined) {
    exec.cancel();
    throw new SmolVMError("GUEST_ERROR", "the guest knows no detached processes", {
      hint: "The image is older than this package: build it again.",
    });
  }
  return new GuestProcess(exec, started, { isDetached: detached, hasTerminal: tty !== false, dropped });
}

function toSize(tty: boolean | TerminalSize): TerminalSize | undefined {
  if (typeof tty === "object" && tty !== null) return tty;
  if (typeof tty !== "boolean") throw invalid("tty", `tty must be true or { columns, rows }, got ${describe(tty)}`);
  return tty ? DEFAULT_TERMINAL_SIZE : undefined;
}

function toInput(stdin: SpawnOptions["stdin"], detached: boolean): Parameters<typeof startCommand>[3] {
  if (stdin === "ignore" || (stdin === undefined && detached)) return undefined;
  if (stdin === undefined || stdin === "pipe") return "pipe";
  return { from: stdin };
}

function invalid(option: string, message: string): ValidationError {
  return new ValidationError("INVALID_OPTION", message, { details: { option } });
}
