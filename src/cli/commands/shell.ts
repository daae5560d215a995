import type { Command } from "commander";
import { LOGIN_SHELL } from "../../guest/processes/login-shell.ts";
import { interrupted } from "../interrupt.ts";
import { openManager } from "../open-manager.ts";
import { runGuestCommand } from "../run-guest-command.ts";
import { collect, parseEnv } from "../vm-config-options.ts";

interface ShellFlags {
  readonly env: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
}

export function registerShell(program: Command): void {
  program
    .command("shell")
    .description("open a terminal in a running VM; the exit code is that of the shell")
    .argument("<id>", "id of the VM")
    .argument("[command...]", "what to run instead of the user's login shell, after --")
    .option("-e, --env <NAME=value>", "environment variable; may be repeated", collect, [])
    .option("-w, --workdir <path>", "working directory in the guest (default: the user's home)")
    .option("-u, --user <user>", "whom to be: a name of the guest, uid or uid:gid (default: root)")
    .action(async (id: string, argv: string[], flags: ShellFlags, self: Command) => {
      const env = parseEnv(flags.env);
      await using manager = openManager(self);
      const channel = await manager.channel(id, { signal: interrupted });
      process.exitCode = await runGuestCommand(channel, argv.length === 0 ? LOGIN_SHELL : argv, {
        vmId: id,
        env,
        cwd: flags.workdir,
        user: flags.user,
        interactive: true,
        tty: true,
        json: false,
      });
    });
}
