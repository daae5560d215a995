import type { Command } from "commander";
import type { VMConfig } from "../config/vm-config.ts";
import { ValidationError } from "../errors/smolvm-error.ts";
import { parseDuration } from "./duration.ts";

/** What the options of a VM's config parse to. */
export interface VMConfigFlags {
  id?: string;
  image?: string;
  cpus?: string;
  memory?: string;
  disk?: string;
  kernel?: string;
  rootfs?: string;
  initrd?: string;
  bootArgs?: string;
  diskMode?: string;
  retainDisk?: boolean;
  network?: string;
  env?: readonly string[];
  idlePause?: string;
  ttl?: string;
}

/** Parser of an option that may be repeated. */
export const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** Adds the options that describe a VM; `run` and `create` have the same. */
export function addVmConfigOptions(command: Command): Command {
  return command
    .option("--id <id>", "id of the VM (default: sbx- and random characters)")
    .option("--image <name>", "image to run (default: debian)")
    .option("--cpus <count>", "virtual CPUs (default: 1)")
    .option("--memory <MiB>", "memory in MiB (default: 512)")
    .option("--disk <MiB>", "disk in MiB, sparse (default: 4096)")
    .option("--network <mode>", "auto, user or none (default: auto)")
    .option("-e, --env <NAME=value>", "environment variable of every command; may be repeated", collect, [])
    .option("--idle-pause <duration>", "pause it when it was idle for so long; the next call wakes it (default: never)")
    .option("--ttl <duration>", "delete it so long after its creation (default: never)")
    .option("--retain-disk", "keep the disk when the VM is deleted")
    .option("--kernel <path>", "kernel of your own (with --rootfs)")
    .option("--rootfs <path>", "ext4 image of your own (with --kernel)")
    .option("--initrd <path>", "initramfs of your own")
    .option("--boot-args <args>", "the kernel's command line")
    .option("--disk-mode <mode>", "isolated (default) or shared: write into --rootfs itself");
}

/** The config that the options describe. Values are checked by the library, so that messages are the same everywhere. */
export function toVmConfig(flags: VMConfigFlags): VMConfig {
  const config = {
    vmId: flags.id,
    image: flags.image,
    vcpuCount: toNumber(flags.cpus),
    memoryMiB: toNumber(flags.memory),
    diskMiB: toNumber(flags.disk),
    kernelPath: flags.kernel,
    rootfsPath: flags.rootfs,
    initrdPath: flags.initrd,
    bootArgs: flags.bootArgs,
    diskMode: flags.diskMode,
    retainDiskOnDelete: flags.retainDisk,
    network: flags.network,
    env: parseEnv(flags.env ?? []),
    idlePauseMs: flags.idlePause === undefined ? undefined : parseDuration(flags.idlePause),
    ttlMs: flags.ttl === undefined ? undefined : parseDuration(flags.ttl),
  };
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

/** `NAME=value` pairs as an object. */
export function parseEnv(pairs: readonly string[]): Readonly<Record<string, string>> | undefined {
  if (pairs.length === 0) return undefined;
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf("=");
      if (equals > 0) return [pair.slice(0, equals), pair.slice(equals + 1)];
      // Behind a "=" there may be a secret.
      const came = equals === 0 ? "a value without a name" : JSON.stringify(pair);
      throw new ValidationError("INVALID_OPTION", `an environment variable must be NAME=value, got ${came}`);
    }),
  );
}

/** What is no number stays text, so that the message about it can show what was typed. */
function toNumber(text: string | undefined): number | string | undefined {
  return text !== undefined && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}
