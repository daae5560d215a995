import { setTimeout as sleep } from "node:timers/promises";
import { SmolVMError } from "../errors/smolvm-error.ts";
import { debugLog } from "../process/debug-log.ts";
import type { VMOperation, VMRecord } from "../state/vm-record.ts";
import type { ManagerContext } from "./context.ts";
import { recoverInterrupted } from "./recover.ts";

/** SQLite tells no other process that a row has changed, so a held VM is looked at again this often. */
const RETRY_MS = 20;
const WAIT_MS = 60_000;

/**
 * Holds a VM for one operation: start, stop and delete of one VM never overlap, in this process or another. What a
 * process that died in the middle of an operation left behind is put right first.
 *
 * @throws {VMNotFoundError}
 * @throws {SmolVMError} `VM_BUSY` when another operation still holds the VM after a minute.
 */
export async function withOperation<T>(
  context: ManagerContext,
  vmId: string,
  operation: VMOperation,
  work: (record: VMRecord) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const before = await takeVm(context, vmId, operation, signal);
  debugLog("operation.begin", { vmId, operation, interrupted: before.operation });
  try {
    await recoverInterrupted(context, before);
    return await work(context.vms.get(vmId));
  } finally {
    context.vms.endOperation(vmId);
    debugLog("operation.end", { vmId, operation });
  }
}

async function takeVm(
  context: ManagerContext,
  vmId: string,
  operation: VMOperation,
  signal: AbortSignal | undefined,
): Promise<VMRecord> {
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    signal?.throwIfAborted();
    const before = context.vms.beginOperation(vmId, operation);
    if (before !== undefined) return before;
    if (performance.now() > deadline) {
      throw new SmolVMError("VM_BUSY", `another operation on the VM "${vmId}" has not ended within ${WAIT_MS} ms`, {
        details: { vmId },
      });
    }
    await sleep(RETRY_MS, undefined, signal === undefined ? {} : { signal });
  }
}
