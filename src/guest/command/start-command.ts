import type { GuestChannel } from "../channel/channel.ts";
import type { GuestUser } from "../identity/who-fields.ts";
import { type Command, type CommandShell, toArgv } from "./command-argv.ts";
import { checkInput, type CommandInput, feed } from "./command-input.ts";
import type { ExecOptions, GuestExec } from "./guest-exec.ts";

/** What every way to run a command takes. */
export interface CommandOptions {
  /** Absolute path in the guest; the user's home directory where it can be entered, else `/`. */
  readonly cwd?: string | undefined;
  /** Added to the VM's own variables, and stronger than they. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Whom the command runs as; the environment is that user's. Default root. */
  readonly user?: GuestUser | undefined;
  /** `"login"`: a string goes to a login shell (`/bin/sh -l -c`), which reads the profile first. */
  readonly shell?: CommandShell | undefined;
  /** Kills the command (lets go of a detached one), which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The names of {@link CommandOptions}. */
export const COMMAND_OPTIONS: readonly string[] = ["cwd", "env", "user", "shell", "signal"];

/**
 * Starts a command: `run`, `spawn`, terminals and the command line all do it here.
 *
 * @param input - what it reads. `"pipe"` leaves the writing to the caller; undefined is `/dev/null`.
 * @throws {ValidationError} before anything is sent. All else shows in the promises of the returned object.
 */
export function startCommand(
  channel: GuestChannel,
  command: Command,
  options: CommandOptions & Omit<ExecOptions, "stdin">,
  input: { readonly from: CommandInput } | "pipe" | undefined,
): GuestExec {
  const { shell, ...others } = options;
  if (typeof input === "object") checkInput(input.from);
  const exec = channel.exec(toArgv(command, shell), { ...others, stdin: input !== undefined });
  if (typeof input === "object") feed(exec, input.from);
  return exec;
}
