import { ALLOWED_STATES, type VMAction, VMState } from "../config/vm-state.ts";
import { CommandExecutionUnavailableError, InvalidStateError } from "../errors/smolvm-error.ts";
import { isProcessRunning } from "../process/process-identity.ts";
import type { VMRecord } from "../state/vm-record.ts";

/** The state as it is now: a VM recorded as running whose VMM is gone is in error, also before `reconcile` says so. */
export function effectiveStatus(record: VMRecord): VMState {
  const shouldLive = record.status === VMState.RUNNING || record.status === VMState.PAUSED;
  if (shouldLive && !(record.vmm !== null && isProcessRunning(record.vmm))) {
    // While it is being stopped, its VMM is meant to end.
    const stopping = record.operation === "stop" || record.operation === "delete";
    return stopping ? VMState.STOPPED : VMState.ERROR;
  }
  return record.status;
}

/** @throws {InvalidStateError} that names the state and the allowed ones. */
export function assertState(record: VMRecord, action: VMAction): void {
  const state = effectiveStatus(record);
  const { from } = ALLOWED_STATES[action];
  if (from.includes(state)) return;
  const allowed = from.map((name) => `"${name}"`).join(", ");
  const message = `cannot ${action} the VM "${record.id}" in state "${state}"; allowed: ${allowed}`;
  const options = { details: { vmId: record.id, state, allowed: from } };
  if (action === "run") {
    throw new CommandExecutionUnavailableError("INVALID_STATE", message, {
      ...options,
      hint: state === "paused" ? "Call resume() first." : "Call start() first, and wait for it.",
    });
  }
  throw new InvalidStateError("INVALID_STATE", message, options);
}

/** Whether the action has nothing left to do. */
export function isDone(record: VMRecord, action: VMAction): boolean {
  return ALLOWED_STATES[action].done.includes(effectiveStatus(record));
}
