import { SmolVMError } from "../errors/smolvm-error.ts";
import type { GuestChannel } from "../guest/channel/channel.ts";
import type { Command } from "../guest/command/command-argv.ts";
import { hangUp } from "../guest/command/hang-up.ts";
import { killAfter } from "../guest/command/kill-after.ts";
import { runCommand } from "../guest/command/run-command.ts";
import { type CommandOptions, startCommand } from "../guest/command/start-command.ts";
import { interrupted } from "./interrupt.ts";
import { LocalTerminal } from "./local-terminal.ts";
import { printJson } from "./print.ts";
import { passOutputOn } from "./pass-output-on.ts";
import { reportError } from "./report-error.ts";
import { localStdin } from "./local-stdin.ts";

/** How `run`, `exec` and `shell` run their command. */
export interface GuestCommandOptions extends Pick<CommandOptions, "env" | "cwd" | "user"> {
  readonly vmId: string;
  readonly timeoutMs?: number | undefined;
  /** Hand this program's stdin on also where it is a terminal; another one is handed on always. */
  readonly interactive: boolean;
  /** Give the command a terminal. */
  readonly tty: boolean;
  /** Print one result object at the end instead of the output as it comes. */
  readonly json: boolean;
}

/**
 * Runs a command in the guest as if it were a local one: its stdin is ours, its output goes to ours, and Ctrl-C ends it.
 *
 * @returns the exit code to end with: the command's own, 128 + n after signal n, 127 and 126 as a shell gives them.
 * @throws {OperationTimeoutError}
 */
export async function runGuestCommand(
  channel: GuestChannel,
  command: Command,
  options: GuestCommandOptions,
): Promise<number> {
  interrupted.throwIfAborted();
  // A terminal that shows what a program draws and takes no keys would be of no use.
  using stdin = localStdin(options.interactive || options.tty);
  if (options.json) return await runToResult(channel, command, options, stdin.source);
  using terminal = options.tty ? LocalTerminal.open() : undefined;
  const { env, cwd, user, timeoutMs } = options;
  const exec = startCommand(
    channel,
    command,
    // What has a terminal is hung up; all else is killed at once.
    { env, cwd, user, signal: terminal === undefined ? interrupted : undefined, tty: terminal?.size },
    stdin.source && { from: stdin.source },
  );
  if (timeoutMs !== undefined) killAfter(exec, timeoutMs, performance.now());
  terminal?.onResize((size) => exec.resize(size));
  const abort = (): void => hangUp(exec, () => exec.cancel(interrupted.reason));
  if (terminal !== undefined) interrupted.addEventListener("abort", abort, { once: true });
  try {
    const exitCode = await passOutputOn(exec);
    // A program that ends because it was hung up has not ended by itself.
    interrupted.throwIfAborted();
    terminal?.leave();
    return exitCode;
  } catch (error) {
    const isNoProgram =
      error instanceof SmolVMError && (error.code === "COMMAND_NOT_FOUND" || error.code === "COMMAND_NOT_EXECUTABLE");
    if (!isNoProgram) throw error;
    terminal?.leave();
    reportError(error, false);
    return error.exitCode;
  } finally {
    interrupted.removeEventListener("abort", abort);
  }
}

async function runToResult(
  channel: GuestChannel,
  command: Command,
  options: GuestCommandOptions,
  stdin: NodeJS.ReadStream | undefined,
): Promise<number> {
  const { vmId, env, cwd, user, timeoutMs } = options;
  const result = await runCommand(channel, command, { signal: interrupted, env, cwd, user, timeoutMs, stdin });
  printJson({ vmId, ...result });
  return result.exitCode;
}
