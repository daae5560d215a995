import { ownProgram } from "../../host/own-program.ts";
import { spawnBackground } from "../../process/spawn-background.ts";
import type { ManagerContext } from "../context.ts";

/** Of our variables, those that say where things are and how VMs run here; no token and no key. */
const HANDED_ON = /^(PATH|HOME|TMPDIR|LANG|XDG_CACHE_HOME|NODE_COMPILE_CACHE|NODE_DISABLE_COMPILE_CACHE|SMOLVM_\w+)$/;

/**
 * Has a VM watched by a process of its own, which ends when the VM is paused, stopped or deleted. Does nothing with
 * `SMOLVM_BACKGROUND=off`. At once and without waiting, as this process may be at its end.
 */
export function handOverWatch({ dataDir, socketDir, images }: ManagerContext, vmId: string): void {
  const program = ownProgram();
  if (program === undefined || process.env["SMOLVM_BACKGROUND"] === "off") return;
  const places = ["--data-dir", dataDir, "--socket-dir", socketDir, "--image-dir", images.imageDir];
  const kept = Object.entries(process.env).filter(([name]) => HANDED_ON.test(name));
  spawnBackground([process.execPath, program, ...places, "background", "watch-idle", vmId], Object.fromEntries(kept));
}
