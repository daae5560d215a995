import { type Command, Option } from "commander";
import { cleanGuestText } from "../../guest/channel/guest-text.ts";
import type { SymlinkPolicy } from "../../guest/files/link-policy.ts";
import { runCopy } from "../cp/copy.ts";
import { parseCopy } from "../cp/place.ts";
import { ProgressLine } from "../cp/progress.ts";
import { interrupted } from "../interrupt.ts";
import { note } from "../notes.ts";
import { openManager } from "../open-manager.ts";
import { printJson } from "../print.ts";

interface CpFlags {
  readonly owner?: string;
  readonly symlinks?: SymlinkPolicy;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export function registerCp(program: Command): void {
  program
    .command("cp")
    .description("copy files and directories between this machine and a VM; one side is ID:/path")
    .argument("<source>", "what to copy; - reads a tar archive from stdin")
    .argument(
      "<destination>",
      "where to; into a directory that exists, under the source's name; - writes a tar archive",
    )
    .option("--owner <user>", "who owns what is made in the VM: a user, uid or uid:gid (default: root)")
    .addOption(
      new Option("--symlinks <which>", "which symbolic links are made on this machine (default: inside)").choices([
        "inside",
        "all",
        "none",
      ]),
    )
    .option("-q, --quiet", "show neither progress nor what was left out")
    .option("--json", "print what was copied and what was left out")
    .action(async (source: string, destination: string, flags: CpFlags, self: Command) => {
      const copy = parseCopy(source, destination);
      const { vmId } = copy.way === "in" ? copy.to : copy.from;
      await using manager = openManager(self);
      const progress = new ProgressLine(flags.quiet !== true && flags.json !== true);
      const isPiped = copy.way === "out" && copy.to.kind === "tar";
      try {
        const result = await runCopy(
          ({ timeoutMs, signal } = {}) =>
            manager.channel(vmId, {
              ...(timeoutMs === undefined ? {} : { timeoutMs }),
              ...(signal === undefined ? {} : { signal }),
            }),
          copy,
          {
            signal: interrupted,
            onProgress: progress.update,
            ...(flags.owner === undefined ? {} : { owner: flags.owner }),
            ...(flags.symlinks === undefined ? {} : { symlinks: flags.symlinks }),
          },
        );
        progress.end();
        if (flags.json === true) printJson(result);
        else if (flags.quiet !== true)
          for (const { path, reason } of result.skipped) note(`left out ${cleanGuestText(path)}: ${reason}`);
      } catch (error) {
        progress.end();
        // The reader of our output has gone (`smolvm cp ID:/x - | head`): 128 + SIGPIPE, as a local command would.
        if (!isPiped || (error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
        process.exitCode = 141;
      }
    });
}
