import type { Command } from "commander";
import type { NetworkMode } from "../../config/network-config.ts";
import { ValidationError } from "../../errors/smolvm-error.ts";
import { ArchiveProgressLine } from "../archive-progress.ts";
import { parseDuration } from "../duration.ts";
import { interrupted } from "../interrupt.ts";
import { openManager } from "../open-manager.ts";
import { formatAge, formatBytes, printJson, printTable } from "../print.ts";
import { collect, parseEnv } from "../vm-config-options.ts";

/** Registers `snapshot create|ls|inspect|restore|rm|export|import`. */
export function registerSnapshot(program: Command): void {
  const snapshot = program.command("snapshot").description("save VMs as they are, and make VMs from that");
  registerCreate(snapshot);
  registerLs(snapshot);
  registerInspect(snapshot);
  registerRestore(snapshot);
  registerRm(snapshot);
  registerExport(snapshot);
  registerImport(snapshot);
}

function registerCreate(snapshot: Command): void {
  snapshot
    .command("create")
    .description("save a VM as it is now, with its memory and processes; it goes on; prints the snapshot's id")
    .argument("<id>", "id of the VM")
    .option("--name <name>", "name of the snapshot")
    .option("--disk-only", "save its disk alone")
    .option("--json", "print all that is known of the snapshot")
    .action(async (id: string, flags: { name?: string; diskOnly?: boolean; json?: boolean }, self: Command) => {
      await using manager = openManager(self);
      const info = await manager.snapshot(id, {
        signal: interrupted,
        includeMemory: flags.diskOnly !== true,
        ...(flags.name === undefined ? {} : { name: flags.name }),
      });
      if (flags.json === true) printJson(info);
      else process.stdout.write(`${info.id}\n`);
    });
}

function registerLs(snapshot: Command): void {
  snapshot
    .command("ls")
    .description("list the snapshots, oldest first")
    .option("--vm <id>", "only those of this VM, which may be gone")
    .option("-q, --quiet", "print ids alone")
    .option("--json", "print all that is known of the snapshots")
    .action(async (flags: { vm?: string; quiet?: boolean; json?: boolean }, self: Command) => {
      await using manager = openManager(self);
      const snapshots = manager.listSnapshots(flags.vm === undefined ? {} : { vmId: flags.vm });
      if (flags.json === true) return printJson(snapshots);
      if (flags.quiet === true) return void process.stdout.write(snapshots.map(({ id }) => `${id}\n`).join(""));
      printTable(
        ["ID", "NAME", "VM", "HOLDS", "SIZE", "CREATED"],
        snapshots.map(({ id, name, vmId, includesMemory, sizeBytes, createdAt }) => [
          id,
          name ?? "-",
          vmId,
          includesMemory ? "memory, disk" : "disk",
          formatBytes(sizeBytes),
          `${formatAge(createdAt)} ago`,
        ]),
      );
    });
}

function registerInspect(snapshot: Command): void {
  snapshot
    .command("inspect")
    .description("print all that is known of a snapshot, as JSON")
    .argument("<snapshot>", "id or name")
    .option("--json", "has no effect: the output is JSON always")
    .action(async (idOrName: string, _flags: unknown, self: Command) => {
      await using manager = openManager(self);
      printJson(manager.getSnapshot(idOrName));
    });
}

interface RestoreFlags {
  readonly id?: string;
  readonly env: readonly string[];
  readonly network?: string;
  readonly bootTimeout: string;
  readonly json?: boolean;
}

function registerRestore(snapshot: Command): void {
  snapshot
    .command("restore")
    .description("make a VM that goes on from a snapshot; prints its id")
    .argument("<snapshot>", "id or name")
    .option("--id <id>", "id of the VM (default: sbx- and random characters)")
    .option(
      "-e, --env <NAME=value>",
      "environment variable instead of those of the snapshot; may be repeated",
      collect,
      [],
    )
    .option("--network <mode>", "auto, user or none (default: as in the snapshot)")
    .option("--boot-timeout <duration>", "how long it may take to answer", "30s")
    .option("--json", "print all that is known of the VM")
    .action(async (idOrName: string, flags: RestoreFlags, self: Command) => {
      const { id, network } = flags;
      const env = parseEnv(flags.env);
      const bootTimeoutMs = parseDuration(flags.bootTimeout);
      await using manager = openManager(self);
      const info = await manager.restore(idOrName, {
        bootTimeoutMs,
        signal: interrupted,
        ...(id === undefined ? {} : { vmId: id }),
        ...(env === undefined ? {} : { env }),
        // What is no mode is refused by the library.
        ...(network === undefined ? {} : { network: network as NetworkMode }),
      });
      if (flags.json === true) printJson(info);
      else process.stdout.write(`${info.vmId}\n`);
    });
}

function registerRm(snapshot: Command): void {
  snapshot
    .command("rm")
    .description("delete snapshots; VMs that were made from them keep what they need")
    .argument("<snapshot...>", "ids or names")
    .option("--json", "print the ids that were deleted")
    .action(async (names: string[], flags: { json?: boolean }, self: Command) => {
      await using manager = openManager(self);
      const deleted: string[] = [];
      for (const name of names) {
        const { id } = manager.getSnapshot(name);
        await manager.deleteSnapshot(id);
        deleted.push(id);
        if (flags.json !== true) process.stdout.write(`${id}\n`);
      }
      if (flags.json === true) printJson({ deleted });
    });
}

function registerExport(snapshot: Command): void {
  snapshot
    .command("export")
    .description("write a snapshot with all that it needs to one file")
    .argument("<snapshot>", "id or name")
    .argument("<file>", "file to make; - writes to stdout")
    .option("--no-image", "leave the image out: it must be there where the file is imported")
    .option("-q, --quiet", "show no progress")
    .action(async (idOrName: string, path: string, flags: { image: boolean; quiet?: boolean }, self: Command) => {
      if (path === "-" && process.stdout.isTTY) throw noTerminal();
      await using manager = openManager(self);
      using progress = new ArchiveProgressLine(flags.quiet !== true);
      await manager.exportSnapshot(idOrName, path === "-" ? process.stdout : path, {
        includeImage: flags.image,
        signal: interrupted,
        onProgress: progress.update,
      });
    });
}

function registerImport(snapshot: Command): void {
  snapshot
    .command("import")
    .description("take in a snapshot that was exported; prints its id")
    .argument("<file>", "file of an export that you trust; - reads from stdin")
    .option("--name <name>", "name of the snapshot (default: the one that it had)")
    .option("-q, --quiet", "show no progress")
    .option("--json", "print all that is known of the snapshot")
    .action(async (path: string, flags: { name?: string; quiet?: boolean; json?: boolean }, self: Command) => {
      await using manager = openManager(self);
      using progress = new ArchiveProgressLine(flags.quiet !== true);
      const info = await manager.importSnapshot(path === "-" ? process.stdin : path, {
        signal: interrupted,
        onProgress: progress.update,
        ...(flags.name === undefined ? {} : { name: flags.name }),
      });
      if (flags.json === true) printJson(info);
      else process.stdout.write(`${info.id}\n`);
    });
}

function noTerminal(): ValidationError {
  return new ValidationError("INVALID_OPTION", "an archive is not written to a terminal", {
    hint: "Name a file, or hand stdout to another program.",
  });
}
