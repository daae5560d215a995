import { assertKnownOptions } from "../../config/known-options.ts";
import { describe } from "../../config/vm-id.ts";
import { OperationTimeoutError, SmolVMError, ValidationError } from "../../errors/smolvm-error.ts";
import { ByteCollector } from "./byte-collector.ts";
import type { GuestChannel } from "../channel/channel.ts";
import { checkTimeout } from "../channel/check-timeout.ts";
import { type CommandResult, makeCommandResult } from "./command-result.ts";
import type { GuestExec } from "./guest-exec.ts";
import { OutputBudget } from "./output-budget.ts";
import { OutputLimitError } from "./output-limit-error.ts";

const DEFAULT_MAX_OUTPUT_BYTES = 67_108_864;
/** How long a killed command's last output is waited for. */
const KILL_GRACE_MS = 2_000;

export type { CommandResult } from "./command-result.ts";

const RUN_OPTIONS = ["timeoutMs", "cwd", "env", "stdin", "signal", "onStdout", "onStderr", "maxOutputBytes"];

/** How a command is run. */
export interface RunCommandOptions {
  /** Kills the command, and rejects with `OperationTimeoutError`; no deadline where it is left out. */
  readonly timeoutMs?: number;
  /** Absolute path in the guest; `/root` where it exists, else `/`. */
  readonly cwd?: string;
  /** Added to the VM's own variables, and stronger than they. */
  readonly env?: Readonly<Record<string, string>>;
  /** What the command reads; `/dev/null` where it is left out. */
  readonly stdin?: string | Uint8Array;
  /** Kills the command, and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called with stdout as it comes. The bytes are the callee's own. */
  readonly onStdout?: (bytes: Uint8Array) => void;
  /** Called with stderr as it comes. The bytes are the callee's own. */
  readonly onStderr?: (bytes: Uint8Array) => void;
  /**
   * How much output is kept, both streams together. Default 64 MiB. A command that writes more is killed, and the call
   * rejects with `OUTPUT_LIMIT`; only output that has a callback may go on, and what is over the limit is not kept.
   */
  readonly maxOutputBytes?: number;
}

/**
 * Runs a command to its end. A string goes through `/bin/sh -c`, a list is executed as it is. An exit code other than
 * 0 is a value, not an exception, and so is a command that does not exist (127) or cannot be executed (126).
 *
 * Throws `ValidationError`, `OperationTimeoutError` and `OutputLimitError` (both with the output so far),
 * `CHANNEL_BROKEN`, or the reason of the signal.
 */
export async function runCommand(
  channel: GuestChannel,
  command: string | readonly string[],
  options: RunCommandOptions = {},
): Promise<CommandResult> {
  assertKnownOptions("run()", options, RUN_OPTIONS);
  if (typeof command !== "string" && !Array.isArray(command)) {
    throw new ValidationError(
      "INVALID_OPTION",
      `a command must be a string or an array of strings, got ${describe(command)}`,
    );
  }
  const { timeoutMs, stdin } = options;
  checkTimeout(timeoutMs);
  const argv = typeof command === "string" ? ["/bin/sh", "-c", command] : command;
  const maxOutputBytes = options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES;
  const budget = new OutputBudget(maxOutputBytes, () => exec.cancel());
  const exec = channel.exec(argv, {
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    stdin: stdin !== undefined,
    onStdout: budget.collect("stdout", options.onStdout),
    onStderr: budget.collect("stderr", options.onStderr),
  });
  if (stdin !== undefined) {
    // Not awaited: a command may end without reading its input, and its result then says all there is to say.
    void exec.stdin.write(stdin);
    void exec.stdin.end();
  }
  const deadline = timeoutMs === undefined ? undefined : new Deadline(exec, timeoutMs);
  try {
    const { exitCode, signal, signalNumber, durationMs } = await exec.wait();
    deadline?.throwIfPassed(budget);
    return makeCommandResult({
      exitCode: exitCode ?? 128 + (signalNumber ?? 0),
      signal,
      durationMs,
      isTruncated: budget.isTruncated,
      stdout: budget.stdout,
      stderr: budget.stderr,
    });
  } catch (error) {
    if (options.signal?.aborted === true && error === options.signal.reason) throw error;
    deadline?.throwIfPassed(budget);
    if (budget.isExceeded) throw new OutputLimitError(maxOutputBytes, budget.stdout, budget.stderr);
    return resultOfUnstarted(argv[0] ?? "", error);
  } finally {
    deadline?.clear();
  }
}

/** What a shell would have answered for a command that cannot be started; any other error is thrown on. */
function resultOfUnstarted(name: string, error: unknown): CommandResult {
  const status = error instanceof SmolVMError && error.code === "GUEST_ERROR" ? error.details["status"] : undefined;
  if (status !== "NOT_FOUND" && status !== "NOT_EXECUTABLE") throw error;
  const reason = status === "NOT_FOUND" ? "command not found" : "command cannot be executed";
  const stderr = new ByteCollector();
  stderr.push(Buffer.from(`smolvm: ${name}: ${reason}\n`));
  return makeCommandResult({
    exitCode: status === "NOT_FOUND" ? 127 : 126,
    signal: null,
    durationMs: 0,
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

  constructor(exec: GuestExec, timeoutMs: number) {
    this.#exec = exec;
    this.#timeoutMs = timeoutMs;
    this.#timer = setTimeout(() => this.#kill(), timeoutMs);
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
