import type { Command } from "commander";
import { parseDuration } from "../duration.ts";
import { interrupted } from "../interrupt.ts";
import { openManager } from "../open-manager.ts";
import { printJson } from "../print.ts";

export function registerStop(program: Command): void {
  program
    .command("stop")
    .description("shut VMs down; their disks are kept")
    .argument("<id...>", "ids of the VMs")
    .option("--timeout <duration>", "after it the VM is ended by force", "10s")
    .option("--keep-memory", "save their memory instead: the next start continues where they were")
    .option("--json", "print all that is known of the VMs")
    .action(async (ids: string[], flags: { timeout: string; keepMemory?: boolean; json?: boolean }, self: Command) => {
      await using manager = openManager(self);
      const timeoutMs = parseDuration(flags.timeout);
      const keepMemory = flags.keepMemory === true;
      const infos = [];
      for (const id of ids) {
        infos.push(await manager.stop(id, { timeoutMs, keepMemory, signal: interrupted }));
        if (flags.json !== true) process.stdout.write(`${id}\n`);
      }
      if (flags.json === true) printJson(infos);
    });
}
