import { constants, setPriority } from "node:os";
import type { Command } from "commander";
import { interrupted } from "../interrupt.ts";
import { openManager } from "../open-manager.ts";

/** Registers `background watch-idle`, which pauses a VM once it is idle, and ends. */
export function registerWatchIdle(background: Command): void {
  background
    .command("watch-idle")
    .argument("<id>")
    .action(async (id: string, _flags: unknown, self: Command) => {
      setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
      await using manager = openManager(self);
      await manager.watchIdle(id, { signal: interrupted });
    });
}
