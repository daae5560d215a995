import type { Command } from "commander";
import { parseDuration } from "../duration.ts";
import { interrupted } from "../interrupt.ts";
import { openManager } from "../open-manager.ts";
import { printJson } from "../print.ts";
import { reportError } from "../report-error.ts";
import { collect } from "../vm-config-options.ts";

interface ForkFlags {
  readonly count?: string;
  readonly name: readonly string[];
  readonly bootTimeout: string;
  readonly json?: boolean;
}

export function registerFork(program: Command): void {
  program
    .command("fork")
    .description("make VMs that go on from the present state of a running one, which goes on too; prints their ids")
    .argument("<id>", "id of the VM")
    .option("--count <count>", "how many (default: 1, or as many as there are names)")
    .option("--name <id>", "id of a new VM; may be repeated", collect, [])
    .option("--boot-timeout <duration>", "how long each of them may take to answer", "30s")
    .option("--json", "print all that is known of the new VMs")
    .action(async (id: string, flags: ForkFlags, self: Command) => {
      const { count, name: names } = flags;
      const json = flags.json === true;
      const bootTimeoutMs = parseDuration(flags.bootTimeout);
      await using manager = openManager(self);
      const results = await manager.fork(id, {
        bootTimeoutMs,
        signal: interrupted,
        ...(count === undefined ? {} : { count: toCount(count) }),
        ...(names.length === 0 ? {} : { names }),
      });
      const made = results.filter((result) => result.status === "fulfilled").map(({ value }) => value);
      if (json) printJson(made);
      else process.stdout.write(made.map(({ vmId }) => `${vmId}\n`).join(""));
      // Those that came to be stay, whatever became of the others.
      for (const result of results) if (result.status === "rejected") reportError(result.reason, json);
    });
}

/** What is no number is refused by the library, so that messages are the same everywhere. */
function toCount(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : (text as unknown as number);
}
