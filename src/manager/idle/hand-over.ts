import { isBackgroundAllowed, ownArguments, startOwn } from "../background/own-process.ts";
import type { ManagerContext } from "../context.ts";

/**
 * Has a VM watched by a process of its own, which ends when the VM is paused, stopped or deleted. Does nothing with
 * `SMOLVM_BACKGROUND=off`. At once and without waiting, as this process may be at its end.
 */
export function handOverWatch(context: ManagerContext, vmId: string): void {
  if (isBackgroundAllowed()) startOwn(ownArguments(context, ["watch-idle", vmId]));
}
