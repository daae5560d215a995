import type { Command } from "commander";
import { VMState } from "../../config/vm-state.ts";
import { ValidationError } from "../../errors/smolvm-error.ts";
import { openManager } from "../open-manager.ts";
import { formatAge, printJson, printTable } from "../print.ts";

export function registerLs(program: Command): void {
  program
    .command("ls")
    .description("list the VMs")
    .option("--status <state>", `only those in this state: ${Object.values(VMState).join(", ")}`)
    .option("-q, --quiet", "print ids alone")
    .option("--json", "print all that is known of the VMs")
    .action(async (flags: { status?: string; quiet?: boolean; json?: boolean }, self: Command) => {
      const status = flags.status === undefined ? undefined : parseState(flags.status);
      await using manager = openManager(self);
      const vms = manager.listVms(status === undefined ? {} : { status });
      if (flags.json === true) return printJson(vms);
      if (flags.quiet === true) return void process.stdout.write(vms.map(({ vmId }) => `${vmId}\n`).join(""));
      printTable(
        ["ID", "STATUS", "IMAGE", "CPUS", "MEMORY", "ADDRESS", "PID", "CREATED"],
        vms.map((vm) => [
          vm.vmId,
          vm.status,
          vm.config.image ?? vm.config.rootfsPath,
          String(vm.config.vcpuCount),
          `${vm.config.memoryMiB} MiB`,
          vm.network?.guestIp ?? "-",
          vm.pid === null ? "-" : String(vm.pid),
          `${formatAge(vm.createdAt)} ago`,
        ]),
      );
    });
}

function parseState(text: string): VMState {
  const state = Object.values(VMState).find((value) => value === text);
  if (state !== undefined) return state;
  throw new ValidationError(
    "INVALID_OPTION",
    `--status must be one of ${Object.values(VMState).join(", ")}, got ${JSON.stringify(text)}`,
  );
}
