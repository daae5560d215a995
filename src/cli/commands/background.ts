import type { Command } from "commander";
import { registerWatchIdle } from "./watch-idle.ts";

/** Registers what the library starts in the background; no part of the command line as users know it. */
export function registerBackground(program: Command): void {
  const background = program.command("background", { hidden: true });
  registerWatchIdle(background);
}
