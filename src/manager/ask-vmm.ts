import type { VmmControl } from "../backends/backend.ts";
import { HostError } from "../errors/smolvm-error.ts";
import { isProcessRunning, waitForProcessEnd } from "../process/process-identity.ts";
import type { VMRecord } from "../state/vm-record.ts";
import { backendOf, type ManagerContext, pathsOf } from "./context.ts";

/** What a VMM may take to end once it has closed its control socket: it has its disk to write out. */
const END_MS = 5_000;

/**
 * Does something with the VMM of a VM that somebody else may have told to end. Undefined: it does not run, or was about to end, and
 * has.
 *
 * @throws {HostError} `VMM_FAILED` when it runs on and cannot be talked to.
 */
export async function askVmm<Answer>(
  context: ManagerContext,
  record: VMRecord,
  ask: (control: VmmControl) => Promise<Answer>,
): Promise<Answer | undefined> {
  const { vmm } = record;
  if (vmm === null || !isProcessRunning(vmm)) return undefined;
  try {
    await using control = await backendOf(context, record).control(pathsOf(context, record));
    return await ask(control);
  } catch (error) {
    const isGone = error instanceof HostError && (await waitForProcessEnd(vmm, { timeoutMs: END_MS }));
    if (isGone) return undefined;
    throw error;
  }
}
