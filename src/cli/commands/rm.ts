import type { Command } from "commander";
import { openManager } from "../open-manager.ts";
import { printJson } from "../print.ts";

export function registerRm(program: Command): void {
  program
    .command("rm")
    .description("delete VMs, running or not, with all that belongs to them")
    .argument("<id...>", "ids of the VMs")
    .option("--json", "print the ids that were deleted")
    .action(async (ids: string[], flags: { json?: boolean }, self: Command) => {
      await using manager = openManager(self);
      for (const id of ids) {
        await manager.delete(id);
        if (flags.json !== true) process.stdout.write(`${id}\n`);
      }
      if (flags.json === true) printJson({ deleted: ids });
    });
}
