import type { Command } from "commander";
import { parseDuration } from "../duration.ts";
import { interrupted } from "../interrupt.ts";
import { openManager } from "../open-manager.ts";
import { runGuestCommand } from "../run-guest-command.ts";
import { parseEnv } from "../vm-config-options.ts";

interface ExecFlags {
  readonly env: readonly string[];
  readonly workdir?: string;
  readonly timeout?: string;
  readonly json?: boolean;
}

export function registerExec(program: Command): void {
  program
    .command("exec")
    .description("run a command in a running VM; the exit code is the command's")
    .argument("<id>", "id of the VM")
    .argument("<command...>", "command and arguments, after --")
    .option(
      "-e, --env <NAME=value>",
      "environment variable; may be repeated",
      (value: string, before: readonly string[]) => [...before, value],
      [] as readonly string[],
    )
    .option("-w, --workdir <path>", "working directory in the guest")
    .option("--timeout <duration>", "end the command after this time; the exit code then is 124")
    .option("--json", "print one result object at the end instead of the output as it comes")
    .passThroughOptions()
    .action(async (id: string, argv: string[], flags: ExecFlags, self: Command) => {
      const env = parseEnv(flags.env);
      const timeoutMs = flags.timeout === undefined ? undefined : parseDuration(flags.timeout);
      await using manager = openManager(self);
      const channel = await manager.channel(id, { signal: interrupted });
      // What follows the id is passed through as it is, its `--` included.
      const command = argv[0] === "--" ? argv.slice(1) : argv;
      process.exitCode = await runGuestCommand(channel, command, {
        vmId: id,
        env,
        cwd: flags.workdir,
        timeoutMs,
        json: flags.json === true,
      });
    });
}
