import type { Command } from "commander";
import { printBuildProgress } from "../build-progress.ts";
import { interrupted } from "../interrupt.ts";
import { openManager } from "../open-manager.ts";
import { printJson } from "../print.ts";
import { addVmConfigOptions, toVmConfig, type VMConfigFlags } from "../vm-config-options.ts";

export function registerCreate(program: Command): void {
  const command = program
    .command("create")
    .description("create a VM without starting it; prints its id")
    .option("--json", "print all that is known of the VM");
  addVmConfigOptions(command).action(async (flags: VMConfigFlags & { json?: boolean }, self: Command) => {
    await using manager = openManager(self);
    const info = await manager.create(toVmConfig(flags), { signal: interrupted, onProgress: printBuildProgress });
    if (flags.json === true) printJson(info);
    else process.stdout.write(`${info.vmId}\n`);
  });
}
