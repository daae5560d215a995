import type { Command } from "commander";
import { SmolVMManager } from "../../manager/smolvm-manager.ts";
import { printBuildProgress } from "../build-progress.ts";
import { addCommandOptions, type CommandFlags, toCommandOptions } from "../command-options.ts";
import { parseDuration } from "../duration.ts";
import { interrupted } from "../interrupt.ts";
import { note } from "../notes.ts";
import { managerOptions } from "../open-manager.ts";
import { runGuestCommand } from "../run-guest-command.ts";
import { addVmConfigOptions, toVmConfig, type VMConfigFlags } from "../vm-config-options.ts";

interface RunFlags extends VMConfigFlags, CommandFlags {
  readonly rm?: boolean;
  readonly json?: boolean;
  readonly bootTimeout?: string;
}

export function registerRun(program: Command): void {
  const command = program
    .command("run")
    .description("create a VM, run a command in it, and stop it; its exit code is the command's")
    .option("--rm", "delete the VM afterwards")
    .option("--boot-timeout <duration>", "how long the boot may take (default: 30s)")
    .option("--json", "print one result object at the end instead of the output as it comes")
    .argument("<command...>", "command and arguments, after --")
    .passThroughOptions();
  addCommandOptions(command);
  addVmConfigOptions(command).action(async (argv: string[], flags: RunFlags, self: Command) => {
    const options = toCommandOptions(flags);
    const bootTimeoutMs = flags.bootTimeout === undefined ? undefined : parseDuration(flags.bootTimeout);
    await using manager = new SmolVMManager(managerOptions(self));
    const { vmId } = await manager.create(toVmConfig(flags), { signal: interrupted, onProgress: printBuildProgress });
    let keep = flags.rm !== true;
    try {
      await manager.start(vmId, {
        signal: interrupted,
        ...(bootTimeoutMs === undefined ? {} : { bootTimeoutMs }),
      });
      const channel = await manager.channel(vmId);
      process.exitCode = await runGuestCommand(channel, argv, { ...options, vmId, json: flags.json === true });
    } catch (error) {
      // An interrupted or failed run leaves nothing behind, with or without --rm.
      keep = false;
      throw error;
    } finally {
      if (keep) {
        await manager.stop(vmId);
        note(`kept ${vmId} (stopped); start it with \`smolvm start ${vmId}\`, delete it with \`smolvm rm ${vmId}\``);
      } else {
        await manager.delete(vmId);
      }
    }
  });
}
