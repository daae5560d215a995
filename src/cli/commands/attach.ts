import type { Command } from "commander";
import { attachToOutput } from "../../guest/processes/detached-processes.ts";
import { interrupted } from "../interrupt.ts";
import { note } from "../notes.ts";
import { openManager } from "../open-manager.ts";
import { passOutputOn } from "../pass-output-on.ts";

export function registerAttach(program: Command): void {
  program
    .command("attach")
    .description("show what a detached process writes, until it ends; Ctrl-C leaves it alone")
    .argument("<id>", "id of the VM")
    .argument("<process>", "id or name of the process")
    .action(async (id: string, idOrName: string, _flags: unknown, self: Command) => {
      await using manager = openManager(self);
      const channel = await manager.channel(id, { signal: interrupted });
      const { exec, dropped } = await attachToOutput(channel, idOrName, { signal: interrupted });
      process.exitCode = await passOutputOn(exec);
      if (dropped.bytes > 0) note(`${dropped.bytes} bytes were written faster than they were read here, and are lost`);
    });
}
