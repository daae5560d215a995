import { setPriority } from "node:os";
import type { Command } from "commander";
import type { VMConfig } from "../../config/vm-config.ts";
import { interrupted } from "../interrupt.ts";
import { openManager } from "../open-manager.ts";
import { registerWatchIdle } from "./watch-idle.ts";

/** What users do has precedence (nice(1)). */
const LOW_PRIORITY = 10;

/** Registers what the library starts in the background; no part of the command line as users know it. */
export function registerBackground(program: Command): void {
  const background = program.command("background", { hidden: true });
  registerWatchIdle(background);
  background.command("fill").action(async (_flags: unknown, self: Command) => {
    // Not at a low priority: the VMs would keep it when they are claimed.
    await using manager = openManager(self);
    await manager.pool.fillUnlessAwaited(interrupted);
  });
  background
    .command("template")
    .argument("<config>")
    .action(async (config: string, _flags: unknown, self: Command) => {
      setPriority(LOW_PRIORITY);
      await using manager = openManager(self);
      await manager.warm(JSON.parse(config) as VMConfig, { signal: interrupted });
    });
}
