import { once } from "node:events";
import { OperationTimeoutError, SmolVMError } from "../errors/smolvm-error.ts";
import type { GuestChannel } from "../guest/channel/channel.ts";
import type { GuestOutput } from "../guest/channel/guest-output.ts";
import { runCommand } from "../guest/command/run-command.ts";
import { interrupted } from "./interrupt.ts";
import { note } from "./notes.ts";
import { printJson } from "./print.ts";

/** How `run` and `exec` run their command. */
export interface GuestCommandOptions {
  readonly vmId: string;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  readonly timeoutMs?: number | undefined;
  /** Print one result object at the end instead of the output as it comes. */
  readonly json: boolean;
}

/**
 * Runs a command in the guest, which Ctrl-C ends.
 *
 * @returns the exit code to end with: the command's own, 128 + n after signal n, 127 and 126 as a shell gives them.
 * @throws {OperationTimeoutError}
 */
export async function runGuestCommand(
  channel: GuestChannel,
  argv: readonly string[],
  options: GuestCommandOptions,
): Promise<number> {
  const { vmId, env, cwd, timeoutMs, json } = options;
  const placed = { ...(env === undefined ? {} : { env }), ...(cwd === undefined ? {} : { cwd }) };
  if (!json) return await stream(channel, argv, placed, timeoutMs);
  const timed = timeoutMs === undefined ? {} : { timeoutMs };
  const result = await runCommand(channel, argv, { signal: interrupted, ...placed, ...timed });
  printJson({ vmId, ...result });
  return result.exitCode;
}

/** Passes the output on as it comes, at the pace of whoever reads ours. */
async function stream(
  channel: GuestChannel,
  argv: readonly string[],
  placed: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string },
  timeoutMs: number | undefined,
): Promise<number> {
  const deadline = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  const signal = deadline === undefined ? interrupted : AbortSignal.any([interrupted, deadline]);
  const exec = channel.exec(argv, { signal, ...placed });
  // The reader of our output may have gone (`smolvm exec … | head`): then the command has nobody to write for.
  let isPipeBroken = false;
  const onPipeError = (): void => {
    isPipeBroken = true;
    exec.cancel();
  };
  process.stdout.on("error", onPipeError);
  process.stderr.on("error", onPipeError);
  try {
    const [result] = await Promise.all([
      exec.wait(),
      passOn(exec.stdout, process.stdout),
      passOn(exec.stderr, process.stderr),
    ]);
    return result.exitCode ?? 128 + (result.signalNumber ?? 0);
  } catch (error) {
    if (isPipeBroken) return 141; // 128 + SIGPIPE, as a local command would
    if (deadline?.aborted === true && !interrupted.aborted) {
      throw new OperationTimeoutError(`the command ran longer than ${timeoutMs} ms`, { cause: error });
    }
    const status = error instanceof SmolVMError ? error.details["status"] : undefined;
    if (status !== "NOT_FOUND" && status !== "NOT_EXECUTABLE") throw error;
    note((error as SmolVMError).message);
    return status === "NOT_FOUND" ? 127 : 126;
  }
}

async function passOn(output: GuestOutput, target: NodeJS.WriteStream): Promise<void> {
  for await (const bytes of output) {
    if (!target.write(bytes)) await Promise.race([once(target, "drain"), once(target, "close")]);
  }
}
