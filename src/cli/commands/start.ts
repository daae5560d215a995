import type { Command } from "commander";
import { parseDuration } from "../duration.ts";
import { interrupted } from "../interrupt.ts";
import { openManager } from "../open-manager.ts";
import { printJson } from "../print.ts";

export function registerStart(program: Command): void {
  program
    .command("start")
    .description("start VMs and wait until they can run commands")
    .argument("<id...>", "ids of the VMs")
    .option("--boot-timeout <duration>", "how long each boot may take", "30s")
    .option("--json", "print all that is known of the VMs")
    .action(async (ids: string[], flags: { bootTimeout: string; json?: boolean }, self: Command) => {
      await using manager = openManager(self);
      const bootTimeoutMs = parseDuration(flags.bootTimeout);
      const infos = [];
      for (const id of ids) {
        infos.push(await manager.start(id, { bootTimeoutMs, signal: interrupted }));
        if (flags.json !== true) process.stdout.write(`${id}\n`);
      }
      if (flags.json === true) printJson(infos);
    });
}
