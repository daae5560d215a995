import { assertKnownOptions } from "../../config/known-options.ts";
import { OperationTimeoutError, SmolVMError } from "../../errors/smolvm-error.ts";
import type { GuestChannel } from "../channel/channel.ts";
import { checkTimeout } from "../channel/check-timeout.ts";
import { ByteCollector } from "./byte-collector.ts";
import type { Command } from "./command-argv.ts";
import type { CommandInput } from "./command-input.ts";
import { type CommandResult, makeCommandResult } from "./command-result.ts";
import type { GuestExec } from "./guest-exec.ts";
import { OutputBudget } from "./output-budget.ts";
import { OutputLimitError } from "./output-limit-error.ts";
import { toProcessExit } from "./process-exit.ts";
import { COMMAND_OPTIONS, type CommandOptions, startCommand } from "./start-command.ts";

const DEFAULT_MAX_OUTPUT_BYTES = 67_108_864;
/** How long a killed command's last output is waited for. */
const KILL_GRACE_MS = 2_000;

export type { CommandResult } from "./command-result.ts";

const RUN_OPTIONS = [...COMMAND_OPTIONS, "stdin", "timeoutMs", "onStdout", "onStderr", "maxOutputBytes"];

/** How a command is run. */
export interface RunCommandOptions extends CommandOptions {
  /**
   * Kills the command, and rejects with `OperationTimeoutError`. Counts from the call on, so that it covers the wait for a channel and
   * for other commands too. No deadline where it is left out.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * What the command reads; `/dev/null` where it is left out. A source that fails kills the command, and the call rejects with the
   * source's error.
   */
  readonly stdin?: CommandInput | undefined;
  /** Called with stdout as it comes. The bytes are the callee's own. */
  readonly onStdout?: ((bytes: Uint8Array) => void) | undefined;
  /** Called with stderr as it comes. The bytes are the callee's own. */
  readonly onStderr?: ((bytes: Uint8Array) => void) | undefined;
  /**
   * How much output is kept, both streams together. Default 64 MiB. A command that writes more is killed, and the call
   * rejects with `OUTPUT_LIMIT`; only output that has a callback may go on, and what is over the limit is not kept.
   */
  readonly maxOutputBytes?: number | undefined;
}

/** Throws `ValidationError` for options that `run` does not have, and for a deadline that no timer can keep. */
export function checkRunOptions(options: RunCommandOptions): void {
  assertKnownOptions("run()", options, RUN_OPTIONS);
  checkTimeout(options.timeoutMs);
}

/**
 * Runs a command to its end. A string goes through `/bin/sh -c`, a list is executed as it is. An exit code other than
 * 0 is a value, not an exception, and so is a command that does not exist (127) or cannot be executed (126).
 *
 * Throws `ValidationError`, `OperationTimeoutError` and `OutputLimitError` (both with the output so far),
 * `CHANNEL_BROKEN`, the reason of the signal, or the error of the source of its input.
 *
 * @param startedAtMs - when the deadline begins, by `performance.now()`.
 */
export async function runCommand(
  channel: GuestChannel,
  command: Command,
  options: RunCommandOptions = {},
  startedAtMs: number = performance.now(),
): Promise<CommandResult> {
  checkRunOptions(options);
  const { timeoutMs, stdin, onStdout, onStderr, maxOutputBytes = DEFAULT_MAX_OUTPUT_BYTES, ...others } = options;
  const budget = new OutputBudget(maxOutputBytes, () => exec.cancel());
  const exec = startCommand(
    channel,
    command,
    { ...others, onStdout: budget.collect("stdout", onStdout), onStderr: budget.collect("stderr", onStderr) },
    stdin === undefined ? undefined : { from: stdin },
  );
  const deadline = timeoutMs === undefined ? undefined : new Deadline(exec, timeoutMs, startedAtMs);
  try {
    const { exitCode, signal, durationMs, isOomKilled } = toProcessExit(await exec.wait());
    deadline?.throwIfPassed(budget);
    return makeCommandResult({
      exitCode,
      signal,
      durationMs,
      isOomKilled,
      isTruncated: budget.isTruncated,
      stdout: budget.stdout,
      stderr: budget.stderr,
    });
  } catch (error) {
    if (options.signal?.aborted === true && error === options.signal.reason) throw error;
    deadline?.throwIfPassed(budget);
    if (budget.isExceeded) throw new OutputLimitError(maxOutputBytes, budget.stdout, budget.stderr);
    return resultOfUnstarted(error);
  } finally {
    deadline?.clear();
  }
}

/** What a shell would have answered for a command that cannot be started; any other error is thrown on. */
function resultOfUnstarted(error: unknown): CommandResult {
  if (!(error instanceof SmolVMError)) throw error;
  if (error.code !== "COMMAND_NOT_FOUND" && error.code !== "COMMAND_NOT_EXECUTABLE") throw error;
  const stderr = new ByteCollector();
  stderr.push(Buffer.from(`smolvm: ${error.message}\nsmolvm: hint: ${error.hint}\n`));
  return makeCommandResult({
    exitCode: error.exitCode,
    signal: null,
    durationMs: 0,
    isOomKilled: false,
    isTruncated: false,
    stdout: new ByteCollector(),
    stderr,
  });
}

/** Kills a command that runs too long, and lets what it wrote arrive. */
class Deadline {
  readonly #exec: GuestExec;
  readonly #timeoutMs: number;
  #timer: NodeJS.Timeout;
  #isPassed = false;

  constructor(exec: GuestExec, timeoutMs: number, startedAtMs: number) {
    this.#exec = exec;
    this.#timeoutMs = timeoutMs;
    this.#timer = setTimeout(() => this.#kill(), startedAtMs + timeoutMs - performance.now());
  }

  clear(): void {
    clearTimeout(this.#timer);
  }

  throwIfPassed(budget: OutputBudget): void {
    if (!this.#isPassed) return;
    const where = this.#exec.isSent ? "" : " (it still waited for other commands to end)";
    throw new OperationTimeoutError(`the command ran longer than ${this.#timeoutMs} ms${where}`, {
      details: { timeoutMs: this.#timeoutMs },
      stdout: budget.stdout.text(),
      stderr: budget.stderr.text(),
    });
  }

  #kill(): void {
    this.#isPassed = true;
    if (!this.#exec.isSent) {
      this.#exec.cancel();
      return;
    }
    this.#exec.signal("SIGKILL");
    this.#timer = setTimeout(() => this.#exec.abandon(undefined), KILL_GRACE_MS);
  }
}
