import type { Command } from "../../guest/command/command-argv.ts";
import type { CommandResult } from "../../guest/command/command-result.ts";
import { checkRunOptions, runCommand, type RunCommandOptions } from "../../guest/command/run-command.ts";
import type { GuestProcess } from "../../guest/processes/guest-process.ts";
import type { SpawnOptions } from "../../guest/processes/spawn-process.ts";
import type { Terminal, TerminalOptions } from "../../guest/processes/terminal.ts";
import type { Connect } from "../connect.ts";
import { connectInTime } from "./connect-in-time.ts";

/** Behind `vm.run`. */
export async function run(connect: Connect, command: Command, options: RunCommandOptions): Promise<CommandResult> {
  const startMs = performance.now();
  checkRunOptions(options);
  return await runCommand(await connectInTime(connect, options), command, options, startMs);
}

/** Behind `vm.spawn`. Loads the classes of web streams, which most programs do not need at their start. */
export async function spawn(connect: Connect, command: Command, options: SpawnOptions): Promise<GuestProcess> {
  const startMs = performance.now();
  const { checkSpawnOptions, spawnProcess } = await import("../../guest/processes/spawn-process.ts");
  checkSpawnOptions(options);
  return await spawnProcess(await connectInTime(connect, options), command, options, startMs);
}

/** Behind `vm.openTerminal`. */
export async function openTerminal(connect: Connect, options: TerminalOptions): Promise<Terminal> {
  const guest = await import("../../guest/processes/terminal.ts");
  guest.checkTerminalOptions(options);
  return await guest.openTerminal(await connectInTime(connect, { signal: options.signal }), options);
}
