import { HostError } from "../errors/smolvm-error.ts";
import { type ProcessIdentity, signalProcess, waitForProcessEnd } from "../process/process-identity.ts";

/** QEMU flushes its disks on TERM; a healthy one takes some 10 ms. */
const TERM_GRACE_MS = 2_000;
const KILL_GRACE_MS = 10_000;

/**
 * Ends a VMM without the guest's help: TERM, then KILL. Returns when it is gone; null and dead ones are fine.
 *
 * @throws {HostError} `VMM_FAILED` when even KILL does not end it within ten seconds.
 */
export async function endVmm(vmm: ProcessIdentity | null): Promise<void> {
  if (vmm === null || !signalProcess(vmm, "SIGTERM")) return;
  if (await waitForProcessEnd(vmm, { timeoutMs: TERM_GRACE_MS })) return;
  signalProcess(vmm, "SIGKILL");
  if (await waitForProcessEnd(vmm, { timeoutMs: KILL_GRACE_MS })) return;
  throw new HostError("VMM_FAILED", `the VMM with pid ${vmm.pid} did not end within ${KILL_GRACE_MS} ms of SIGKILL`, {
    hint: "It is likely stuck in the kernel; see its state in /proc.",
    details: { pid: vmm.pid },
  });
}
