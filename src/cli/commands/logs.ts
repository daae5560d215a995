import { createReadStream, existsSync, watch } from "node:fs";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import { interrupted } from "../interrupt.ts";
import { openManager } from "../open-manager.ts";
import { printJson } from "../print.ts";
import { cleanForTerminal } from "../terminal-text.ts";

interface LogsFlags {
  readonly vmm?: boolean;
  readonly follow?: boolean;
  readonly json?: boolean;
}

export function registerLogs(program: Command): void {
  program
    .command("logs")
    .description("print what the guest wrote to its console, from all its boots")
    .argument("<id>", "id of the VM")
    .option("--vmm", "the log of the VMM instead")
    .option("-f, --follow", "go on printing what is added, until Ctrl-C")
    .option("--json", "print the paths of the logs instead")
    .action(async (id: string, flags: LogsFlags, self: Command) => {
      await using manager = openManager(self);
      const paths = manager.logPaths(id);
      if (flags.json === true) return printJson(paths);
      const path = flags.vmm === true ? paths.vmm : paths.console;
      let position = await printFrom(path, 0);
      if (flags.follow !== true || !existsSync(path)) return;
      await new Promise<void>((resolve, reject) => {
        let printing = Promise.resolve();
        const watcher = watch(path, () => {
          printing = printing.then(async () => {
            position = await printFrom(path, position);
          });
          printing.catch(reject);
        });
        watcher.on("close", resolve);
        interrupted.addEventListener("abort", () => watcher.close(), { once: true });
      });
    });
}

/** Prints a file from a byte on; returns where it ended. A log that does not exist yet is empty. */
async function printFrom(path: string, start: number): Promise<number> {
  if (!existsSync(path)) return start;
  const source = createReadStream(path, { start });
  const clean = process.stdout.isTTY ? cleanForTerminal : (chunk: Buffer): Buffer => chunk;
  await pipeline(
    source,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) yield clean(chunk);
    },
    process.stdout,
    { end: false },
  );
  return start + source.bytesRead;
}
