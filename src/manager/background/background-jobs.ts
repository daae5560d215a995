import type { VMConfig } from "../../config/vm-config.ts";
import { ownProgram } from "../../host/own-program.ts";
import { spawnBackground } from "../../process/spawn-background.ts";
import type { ManagerContext } from "../context.ts";

/**
 * A job begins this long after it was asked for: whoever has just got a VM is about to run its first command, and needs the
 * CPUs. Those that are asked for meanwhile begin together, the same ones once.
 */
const DELAY_MS = 250;

/** Work for a process of its own, which outlives this one. */
export type BackgroundJob =
  | { readonly kind: "fill" }
  /** The template for VMs like this one. */
  | { readonly kind: "template"; readonly config: VMConfig };

const HANDED_ON = [
  ...["PATH", "HOME", "TMPDIR", "LANG", "XDG_CACHE_HOME"],
  ...["NODE_COMPILE_CACHE", "NODE_DISABLE_COMPILE_CACHE"],
];

/** The arguments of the command line for each job that waits. One list a process, as every VM of a program has a manager. */
const waiting = new Map<string, readonly string[]>();
let timer: NodeJS.Timeout | undefined;

/** Has a job done by another process, and returns at once. Does nothing with `SMOLVM_BACKGROUND=off`. */
export function requestBackground(context: ManagerContext, job: BackgroundJob): void {
  if (process.env["SMOLVM_BACKGROUND"] === "off") return;
  const argv = argvOf(context, job);
  waiting.set(JSON.stringify(argv), argv);
  if (timer !== undefined) return;
  // A program that ends before starts its jobs on the way out.
  process.once("exit", startWaiting);
  timer = setTimeout(startWaiting, DELAY_MS).unref();
}

function startWaiting(): void {
  clearTimeout(timer);
  timer = undefined;
  process.off("exit", startWaiting);
  const program = ownProgram();
  if (program !== undefined) {
    for (const argv of waiting.values()) spawnBackground([process.execPath, program, ...argv], environment());
  }
  waiting.clear();
}

function argvOf({ dataDir, socketDir, images }: ManagerContext, job: BackgroundJob): readonly string[] {
  return [
    ...["--data-dir", dataDir, "--socket-dir", socketDir, "--image-dir", images.imageDir],
    ...["background", job.kind, ...(job.kind === "template" ? [JSON.stringify(job.config)] : [])],
  ];
}

/** Of our variables, those that say where things are and how VMs run here. */
function environment(): NodeJS.ProcessEnv {
  const isHandedOn = (name: string): boolean => HANDED_ON.includes(name) || name.startsWith("SMOLVM_");
  const kept = Object.entries(process.env).filter(([name]) => isHandedOn(name));
  // What works in the background starts nothing there.
  return { ...Object.fromEntries(kept), SMOLVM_BACKGROUND: "off" };
}
