import type { VMConfig } from "../../config/vm-config.ts";
import type { ManagerContext } from "../context.ts";
import { isBackgroundAllowed, ownArguments, startOwn } from "./own-process.ts";

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

/** The arguments of the command line for each job that waits. One list a process, as every VM of a program has a manager. */
const waiting = new Map<string, readonly string[]>();
let timer: NodeJS.Timeout | undefined;

/** Has a job done by another process, and returns at once. Does nothing with `SMOLVM_BACKGROUND=off`. */
export function requestBackground(context: ManagerContext, job: BackgroundJob): void {
  if (!isBackgroundAllowed()) return;
  const argv = ownArguments(context, wordsOf(job));
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
  // What works in the background starts nothing there.
  for (const argv of waiting.values()) startOwn(argv, { SMOLVM_BACKGROUND: "off" });
  waiting.clear();
}

function wordsOf(job: BackgroundJob): readonly string[] {
  return job.kind === "template" ? [job.kind, JSON.stringify(job.config)] : [job.kind];
}
