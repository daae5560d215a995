import type { Command } from "commander";
import { interrupted } from "../interrupt.ts";
import { openManager } from "../open-manager.ts";
import { printJson } from "../print.ts";

export function registerResume(program: Command): void {
  program
    .command("resume")
    .description("let paused VMs go on")
    .argument("<id...>", "ids of the VMs")
    .option("--json", "print all that is known of the VMs")
    .action(async (ids: string[], flags: { json?: boolean }, self: Command) => {
      await using manager = openManager(self);
      const infos = [];
      for (const id of ids) {
        infos.push(await manager.resume(id, { signal: interrupted }));
        if (flags.json !== true) process.stdout.write(`${id}\n`);
      }
      if (flags.json === true) printJson(infos);
    });
}
