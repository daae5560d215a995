import type { Command } from "commander";
import { parseDuration } from "./duration.ts";

/** What the options of a command in the guest parse to. */
export interface CommandFlags {
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly workdir?: string;
  readonly user?: string;
  readonly timeout?: string;
}

/** Adds the options that say how a command is run; `run` and `exec` have the same. */
export function addCommandOptions(command: Command): Command {
  return command
    .option("-i, --interactive", "hand on stdin also where it is a terminal; a pipe or a file is handed on always")
    .option("-t, --tty", "give the command a terminal, and every key to it")
    .option("-w, --workdir <path>", "working directory in the guest")
    .option("-u, --user <user>", "whom to run it as: a name of the guest, uid or uid:gid (default: root)")
    .option("--timeout <duration>", "end the command after this time; the exit code then is 124");
}

/** The same as options of `runGuestCommand`. */
export function toCommandOptions(flags: CommandFlags): {
  readonly interactive: boolean;
  readonly tty: boolean;
  readonly cwd: string | undefined;
  readonly user: string | undefined;
  readonly timeoutMs: number | undefined;
} {
  return {
    interactive: flags.interactive === true,
    tty: flags.tty === true,
    cwd: flags.workdir,
    user: flags.user,
    timeoutMs: flags.timeout === undefined ? undefined : parseDuration(flags.timeout),
  };
}

/** What follows an operand is passed through as it is, its `--` included. */
export function withoutSeparator(argv: readonly string[]): readonly string[] {
  return argv[0] === "--" ? argv.slice(1) : argv;
}
