import type { Command } from "commander";
import { openManager } from "../open-manager.ts";
import { printJson } from "../print.ts";

export function registerInspect(program: Command): void {
  program
    .command("inspect")
    .description("print all that is known of a VM, as JSON")
    .argument("<id>", "id of the VM")
    .option("--json", "has no effect: the output is JSON always")
    .action(async (id: string, _flags: unknown, self: Command) => {
      await using manager = openManager(self);
      printJson({ ...manager.get(id), logs: manager.logPaths(id) });
    });
}
