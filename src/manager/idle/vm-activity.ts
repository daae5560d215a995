import { isProcessAlive } from "../../process/process-identity.ts";
import type { VMRecord } from "../../state/vm-record.ts";
import { effectiveStatus } from "../effective-status.ts";

/**
 * Whether the VM stands still because nobody used it, or is about to: the next call wakes it. `"changing"`: some other operation
 * is at work on it. `"resting"`: it neither runs nor is woken by a call.
 */
export type VMActivity = "running" | "asleep" | "changing" | "resting";

/** What a record says of it; undefined: there is no such VM. */
export function activityOf(record: VMRecord | undefined): VMActivity {
  if (record === undefined) return "resting";
  if (record.operation === "idle-pause") return "asleep";
  const status = effectiveStatus(record);
  if (status === "paused" && record.pausedBy === "idle") return "asleep";
  if (record.operation !== null && !isInterrupted(record)) return "changing";
  return status === "running" ? "running" : "resting";
}

/** Whether a process died in the middle of an operation on the VM: whoever holds the VM next puts it right. */
export function isInterrupted({ operation, operator }: VMRecord): boolean {
  return operation !== null && !(operator !== null && isProcessAlive(operator));
}
