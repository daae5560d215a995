import { setTimeout as sleep } from "node:timers/promises";
import type { SmolVMManager, VMInfo, VMState } from "../../src/index.ts";

const LOOK_AGAIN_MS = 20;

/** Waits until a VM has a status, and returns what is known of it then; throws after ten seconds. */
export async function untilStatus(manager: SmolVMManager, vmId: string, status: VMState): Promise<VMInfo> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const info = manager.get(vmId);
    if (info.status === status) return info;
    if (performance.now() > deadline) throw new Error(`${vmId} is ${info.status}, and not ${status} after 10 s`);
    await sleep(LOOK_AGAIN_MS);
  }
}
