import type { Command } from "commander";
import { cleanGuestText } from "../../guest/channel/guest-text.ts";
import type { ProcessInfo } from "../../guest/processes/process-info.ts";
import { listProcesses } from "../../guest/processes/detached-processes.ts";
import { interrupted } from "../interrupt.ts";
import { openManager } from "../open-manager.ts";
import { formatAge, printJson, printTable } from "../print.ts";

/** Of a command line, what a table shows. */
const MAX_COMMAND_CHARACTERS = 60;

export function registerPs(program: Command): void {
  program
    .command("ps")
    .description("list the detached processes of a running VM, see exec --detach")
    .argument("<id>", "id of the VM")
    .option("--json", "print all that is known of the processes")
    .action(async (id: string, flags: { json?: boolean }, self: Command) => {
      await using manager = openManager(self);
      const channel = await manager.channel(id, { signal: interrupted });
      const processes = await listProcesses(channel, { signal: interrupted });
      if (flags.json === true) return printJson(processes);
      printTable(
        ["ID", "NAME", "PID", "STATUS", "STARTED", "COMMAND"],
        processes.map((process) => [
          process.id,
          cleanGuestText(process.name ?? "-"),
          String(process.pid),
          describeStatus(process),
          `${formatAge(process.startedAt)} ago`,
          cleanGuestText(process.command.join(" "), MAX_COMMAND_CHARACTERS),
        ]),
      );
    });
}

function describeStatus({ status, exitCode, signal, isOomKilled }: ProcessInfo): string {
  if (status === "running") return "running";
  if (isOomKilled) return "out of memory";
  return signal ?? `exited ${exitCode}`;
}
