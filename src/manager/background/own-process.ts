import { ownProgram } from "../../host/own-program.ts";
import { spawnBackground } from "../../process/spawn-background.ts";
import type { ManagerContext } from "../context.ts";

/** Of our variables, those that say where things are and how VMs run here; no token and no key. */
const HANDED_ON = /^(PATH|HOME|TMPDIR|LANG|XDG_CACHE_HOME|NODE_COMPILE_CACHE|NODE_DISABLE_COMPILE_CACHE|SMOLVM_\w+)$/;

/** Whether processes may be started that outlive this one. */
export function isBackgroundAllowed(): boolean {
  return process.env["SMOLVM_BACKGROUND"] !== "off";
}

/** The arguments of our own command line for work in this context. */
export function ownArguments(
  { dataDir, socketDir, images }: ManagerContext,
  words: readonly string[],
): readonly string[] {
  return ["--data-dir", dataDir, "--socket-dir", socketDir, "--image-dir", images.imageDir, "background", ...words];
}

/**
 * Starts our own command line as a process that nobody waits for. Nothing happens where the library was bundled into another
 * program, which has no command line.
 */
export function startOwn(argv: readonly string[], env: NodeJS.ProcessEnv = {}): void {
  const program = ownProgram();
  if (program === undefined) return;
  const kept = Object.entries(process.env).filter(([name]) => HANDED_ON.test(name));
  spawnBackground([process.execPath, program, ...argv], { ...Object.fromEntries(kept), ...env });
}
