import type { Command } from "commander";
import { ValidationError } from "../../errors/smolvm-error.ts";
import { addCommandOptions, type CommandFlags, toCommandOptions, withoutSeparator } from "../command-options.ts";
import { interrupted } from "../interrupt.ts";
import { openManager } from "../open-manager.ts";
import { printJson } from "../print.ts";
import { runGuestCommand } from "../run-guest-command.ts";
import { collect, parseEnv } from "../vm-config-options.ts";

interface ExecFlags extends CommandFlags {
  readonly env: readonly string[];
  readonly detach?: boolean;
  readonly name?: string;
  readonly json?: boolean;
}

export function registerExec(program: Command): void {
  const command = program
    .command("exec")
    .description("run a command in a running VM; the exit code is the command's")
    .argument("<id>", "id of the VM")
    .argument("<command...>", "command and arguments, after --")
    .option("-e, --env <NAME=value>", "environment variable; may be repeated", collect, [])
    .option("-d, --detach", "start it, print its id, and leave it alone; see ps, attach and kill")
    .option("--name <name>", "name for a detached process")
    .option("--json", "print one result object at the end instead of the output as it comes")
    .passThroughOptions();
  addCommandOptions(command).action(async (id: string, argv: string[], flags: ExecFlags, self: Command) => {
    const env = parseEnv(flags.env);
    const json = flags.json === true;
    const words = withoutSeparator(argv);
    const options = toCommandOptions(flags);
    if (flags.name !== undefined && flags.detach !== true) throw excluded("--name goes with --detach");
    if (json && options.tty) throw excluded("--json and --tty exclude each other: a terminal has no result");
    await using manager = openManager(self);
    const channel = await manager.channel(id, { signal: interrupted });
    if (flags.detach !== true) {
      process.exitCode = await runGuestCommand(channel, words, { ...options, vmId: id, env, json });
      return;
    }
    const { interactive, tty, timeoutMs, ...placed } = options;
    if (interactive) throw excluded("--detach and --interactive exclude each other: a detached process has no stdin");
    const { spawnProcess } = await import("../../guest/processes/spawn-process.ts");
    const { name } = flags;
    const started = await spawnProcess(channel, words, { ...placed, env, tty, timeoutMs, detached: true, name });
    if (json) printJson({ vmId: id, id: started.id, name: name ?? null, pid: started.pid });
    else process.stdout.write(`${started.id}\n`);
    await started[Symbol.asyncDispose]();
  });
}

function excluded(message: string): ValidationError {
  return new ValidationError("INVALID_OPTION", message);
}
