import type { Command } from "commander";
import type { Image } from "../../images/image.ts";
import { ImageBuilder } from "../../images/image-builder.ts";
import { DEFAULT_IMAGE } from "../../manager/default-image.ts";
import type { SmolVMManager } from "../../manager/smolvm-manager.ts";
import { printBuildProgress } from "../build-progress.ts";
import { interrupted } from "../interrupt.ts";
import { note } from "../notes.ts";
import { openManager } from "../open-manager.ts";
import { formatAge, formatBytes, printJson, printTable } from "../print.ts";
import { templateStep } from "../template-step.ts";
import { toVmConfig, type VMConfigFlags } from "../vm-config-options.ts";
import { wholeMiB } from "../whole-mib.ts";

interface BuildFlags {
  readonly name: string;
  readonly rootfs?: string;
  readonly force?: boolean;
  readonly template: boolean;
  readonly json?: boolean;
}

/** Registers `image build|ls|inspect|rm|prune`. */
export function registerImage(program: Command): void {
  const image = program.command("image").description("build, list and remove images");
  registerBuild(image);
  registerWarm(image);
  registerLs(image);
  registerInspect(image);
  registerRm(image);
  registerPrune(image);
}

function registerBuild(image: Command): void {
  image
    .command("build")
    .description("build the Debian image from this machine's own package sources")
    .option("--name <name>", "name of the image", DEFAULT_IMAGE)
    .option("--rootfs <MiB>", "size of the root filesystem (default: as large as needed)")
    .option("--force", "build it also when the same one exists")
    .option("--no-template", "leave out the template from which its VMs start at once")
    .option("--json", "print the image's manifest")
    .action(async (flags: BuildFlags, self: Command) => {
      await using manager = openManager(self);
      const built = await new ImageBuilder({ imageDir: manager.images.imageDir }).buildDebian({
        name: flags.name,
        signal: interrupted,
        onProgress: printBuildProgress,
        ...(flags.rootfs === undefined ? {} : { rootfsMiB: wholeMiB("--rootfs", flags.rootfs) }),
        ...(flags.force === true ? { force: true } : {}),
      });
      if (flags.template) await templateStep(manager, built.manifest.id);
      if (flags.json === true) printJson(built.manifest);
      else process.stdout.write(`${built.manifest.id}\n`);
    });
}

function registerWarm(image: Command): void {
  image
    .command("warm")
    .description("make the template from which VMs of an image and a shape start at once")
    .argument("[image]", "name or id", DEFAULT_IMAGE)
    .option("--cpus <count>", "virtual CPUs (default: 1)")
    .option("--memory <MiB>", "memory (default: 512)")
    .option("--disk <MiB>", "size of the disk (default: 4096)")
    .option("--network <mode>", "auto, user or none (default: auto)")
    .option("--json", "print the template's key")
    .action(async (name: string, flags: VMConfigFlags & { json?: boolean }, self: Command) => {
      await using manager = openManager(self);
      const { key } = await manager.warm({ image: name, ...toVmConfig(flags) }, { signal: interrupted });
      if (flags.json === true) printJson({ key });
      else process.stdout.write(`${key.slice(0, 32)}\n`);
    });
}

function registerLs(image: Command): void {
  image
    .command("ls")
    .description("list the images, newest first")
    .option("--json", "print their manifests")
    .action(async (flags: { json?: boolean }, self: Command) => {
      await using manager = openManager(self);
      const { images, damaged } = await manager.images.list();
      if (flags.json === true) return printJson(images.map(({ manifest }) => manifest));
      printTable(
        ["NAME", "ID", "SOURCE", "KERNEL", "SIZE", "CREATED"],
        images.map(({ manifest }) => [
          manifest.name,
          manifest.id.slice(0, 12),
          `${manifest.source.distribution} ${manifest.source.suite}`,
          manifest.kernelRelease,
          formatBytes(manifest.files.rootfs.sizeBytes),
          `${formatAge(new Date(manifest.createdAt))} ago`,
        ]),
      );
      for (const { problem } of damaged) note(`damaged: ${problem}`);
    });
}

function registerInspect(image: Command): void {
  image
    .command("inspect")
    .description("verify an image and print its manifest, as JSON")
    .argument("<image>", "name or id")
    .option("--json", "has no effect: the output is JSON always")
    .action(async (nameOrId: string, _flags: unknown, self: Command) => {
      await using manager = openManager(self);
      const { manifest, dir, kernelPath, initrdPath, rootfsPath } = await manager.images.resolve(nameOrId);
      printJson({ ...manifest, dir, kernelPath, initrdPath, rootfsPath });
    });
}

function registerRm(image: Command): void {
  image
    .command("rm")
    .description("remove images that no VM uses")
    .argument("<image...>", "names or ids")
    .option("--json", "print the ids that were removed")
    .action(async (names: string[], flags: { json?: boolean }, self: Command) => {
      await using manager = openManager(self);
      const removed: string[] = [];
      for (const name of names) {
        const { id } = await manager.removeImage(name);
        removed.push(id);
        if (flags.json !== true) process.stdout.write(`${id}\n`);
      }
      if (flags.json === true) printJson({ removed });
    });
}

function registerPrune(image: Command): void {
  image
    .command("prune")
    .description("remove images that a newer one of the same name replaces, and what interrupted builds left")
    .option("--json", "print what was removed")
    .action(async (flags: { json?: boolean }, self: Command) => {
      await using manager = openManager(self);
      const { removed, kept, stagingRemoved } = await manager.images.prune({ inUse: releasedBy(manager) });
      const ids = removed.map(({ manifest }) => manifest.id);
      if (flags.json === true) {
        printJson({ removed: ids, kept: kept.map(({ manifest }) => manifest.id), stagingRemoved });
        return;
      }
      process.stdout.write(ids.map((id) => `${id}\n`).join(""));
      note(`${ids.length} images and ${stagingRemoved} interrupted builds removed; ${kept.length} still used`);
    });
}

function releasedBy(manager: SmolVMManager): (image: Image) => Promise<readonly string[]> {
  return async ({ manifest }) => await manager.releaseImage(manifest.id);
}
