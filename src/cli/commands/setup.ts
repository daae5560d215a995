import type { Command } from "commander";
import { installCommand } from "../../host/package-manager.ts";
import { installPackages } from "../../host/install-packages.ts";
import { checkPrerequisites, missingPackages } from "../../host/prerequisites.ts";
import { DEFAULT_IMAGE, resolveImage } from "../../manager/default-image.ts";
import { printBuildProgress } from "../build-progress.ts";
import { interrupted } from "../interrupt.ts";
import { note } from "../notes.ts";
import { openManager } from "../open-manager.ts";
import { printJson } from "../print.ts";
import { templateStep } from "../template-step.ts";

export function registerSetup(program: Command): void {
  program
    .command("setup")
    .description("install what is missing on this machine (with sudo unless you are root) and build the default image")
    .option("--no-template", "leave out the template from which VMs start at once")
    .option("--json", "print what was done as JSON")
    .action(async (flags: { template: boolean; json?: boolean }, self: Command) => {
      const packages = missingPackages(await checkPrerequisites({ purposes: ["run", "image"] }));
      if (packages.length > 0) {
        note(`installing host packages: ${installCommand(packages)}`);
        await installPackages(packages, { signal: interrupted, onLine: (line) => note(line) });
      }
      await using manager = openManager(self);
      const image = await resolveImage(manager.images, DEFAULT_IMAGE, {
        signal: interrupted,
        onProgress: printBuildProgress,
      });
      const { name, id } = image.manifest;
      if (flags.template) await templateStep(manager, id);
      if (flags.json === true) printJson({ installed: packages, image: { name, id } });
      else process.stdout.write(`ready: ${packages.length} packages installed, image ${name} (${id.slice(0, 12)})\n`);
    });
}
