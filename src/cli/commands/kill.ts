import type { Command } from "commander";
import { ValidationError } from "../../errors/smolvm-error.ts";
import { linuxSignalNumber } from "../../guest/command/linux-signals.ts";
import { signalProcess } from "../../guest/processes/detached-processes.ts";
import { interrupted } from "../interrupt.ts";
import { openManager } from "../open-manager.ts";
import { printJson } from "../print.ts";

export function registerKill(program: Command): void {
  program
    .command("kill")
    .description("send a signal to detached processes of a running VM and their children")
    .argument("<id>", "id of the VM")
    .argument("<process...>", "ids or names of the processes")
    .option("-s, --signal <signal>", "name or number", "TERM")
    .option("--json", "print which processes were signalled")
    .action(async (id: string, processes: string[], flags: { signal: string; json?: boolean }, self: Command) => {
      const signal = parseSignal(flags.signal);
      await using manager = openManager(self);
      const channel = await manager.channel(id, { signal: interrupted });
      for (const process of processes) await signalProcess(channel, process, signal, { signal: interrupted });
      if (flags.json === true) printJson({ vmId: id, signalled: processes });
    });
}

/** `TERM`, `sigterm` or `15`. */
function parseSignal(text: string): number {
  const upper = text.toUpperCase();
  const name = (upper.startsWith("SIG") ? upper : `SIG${upper}`) as NodeJS.Signals;
  const number = linuxSignalNumber(/^\d+$/.test(text) ? Number(text) : name);
  if (number !== undefined) return number;
  throw new ValidationError("INVALID_OPTION", `--signal must be a signal of Linux, got ${JSON.stringify(text)}`);
}
