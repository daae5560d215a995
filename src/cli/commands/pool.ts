import type { Command } from "commander";
import { ValidationError } from "../../errors/smolvm-error.ts";
import { DEFAULT_IMAGE } from "../../manager/default-image.ts";
import { interrupted } from "../interrupt.ts";
import { note } from "../notes.ts";
import { openManager } from "../open-manager.ts";
import { printJson, printTable } from "../print.ts";
import { toVmConfig, type VMConfigFlags } from "../vm-config-options.ts";

/** Registers `pool set|ls|fill|rm`. */
export function registerPool(program: Command): void {
  const pool = program.command("pool").description("keep VMs ready that start in an instant");
  registerSet(pool);
  registerLs(pool);
  registerFill(pool);
  registerRm(pool);
}

function registerSet(pool: Command): void {
  pool
    .command("set")
    .description("say how many VMs of an image and shape wait; they are made in the background")
    .argument("[image]", "name or id", DEFAULT_IMAGE)
    .requiredOption("--size <count>", "VMs that wait; 0 ends the pool")
    .option("--cpus <count>", "virtual CPUs (default: 1)")
    .option("--memory <MiB>", "memory (default: 512)")
    .option("--disk <MiB>", "size of the disk (default: 4096)")
    .option("--network <mode>", "auto, user or none (default: auto)")
    .option("--json", "print the pools")
    .action(async (image: string, flags: VMConfigFlags & { size: string; json?: boolean }, self: Command) => {
      await using manager = openManager(self);
      await manager.pool.set({ ...toVmConfig(flags), image, size: toSize(flags.size) });
      if (flags.json === true) printJson(manager.pool.list());
    });
}

function registerLs(pool: Command): void {
  pool
    .command("ls")
    .description("list the pools and how many VMs wait in each")
    .option("--json", "print all that is known of the pools")
    .action(async (flags: { json?: boolean }, self: Command) => {
      await using manager = openManager(self);
      const pools = manager.pool.list();
      if (flags.json === true) return printJson(pools);
      printTable(
        ["IMAGE", "SIZE", "READY", "CPUS", "MEMORY", "DISK", "NETWORK"],
        pools.map(({ image, size, ready, vcpuCount, memoryMiB, diskMiB, network }) => [
          image,
          String(size),
          String(ready),
          String(vcpuCount),
          `${memoryMiB} MiB`,
          diskMiB === null ? "default" : `${diskMiB} MiB`,
          network,
        ]),
      );
    });
}

function registerFill(pool: Command): void {
  pool
    .command("fill")
    .description("make the VMs that the pools lack, and wait until they are there")
    .option("--json", "print what was done")
    .action(async (flags: { json?: boolean }, self: Command) => {
      await using manager = openManager(self);
      // oxlint-disable-next-line unicorn/no-array-fill-with-reference-type -- a pool is no array
      const result = await manager.pool.fill({ signal: interrupted });
      if (flags.json === true) return printJson(result);
      note(`${result.made} VMs made; ${result.isFull ? "every pool is full" : "no memory is left for more"}`);
    });
}

function registerRm(pool: Command): void {
  pool
    .command("rm")
    .description("end the pools of images, with the VMs that wait in them")
    .argument("<image...>", "names or ids, as they were given to `set`")
    .option("--json", "print the images whose pools were ended")
    .action(async (images: string[], flags: { json?: boolean }, self: Command) => {
      await using manager = openManager(self);
      const ended: string[] = [];
      for (const image of images) {
        const pools = manager.pool.list().filter((pool) => pool.image === image);
        if (pools.length === 0) throw new ValidationError("INVALID_OPTION", `there is no pool of the image ${image}`);
        for (const { vcpuCount, memoryMiB, diskMiB, network } of pools) {
          const shape = { image, vcpuCount, memoryMiB, network, ...(diskMiB === null ? {} : { diskMiB }) };
          await manager.pool.set({ ...shape, size: 0 });
        }
        ended.push(image);
        if (flags.json !== true) process.stdout.write(`${image}\n`);
      }
      if (flags.json === true) printJson({ ended });
    });
}

/** What is no number stays text, so that the message about it can show what was typed. */
function toSize(text: string): number {
  return (/^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text) as number;
}
