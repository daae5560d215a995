import type { VMInfo } from "../config/vm-info.ts";
import { isProcessRunning } from "../process/process-identity.ts";
import type { VMRecord } from "../state/vm-record.ts";
import { backendOf, type ManagerContext, pathsOf } from "./context.ts";
import { effectiveStatus } from "./effective-status.ts";

/** What users see of a record. */
export function toVmInfo(context: ManagerContext, record: VMRecord): VMInfo {
  const status = effectiveStatus(record);
  const alive = record.vmm !== null && isProcessRunning(record.vmm);
  return Object.freeze({
    vmId: record.id,
    status,
    pausedBy: status === "paused" ? record.pausedBy : null,
    config: record.config,
    network: record.network,
    pid: alive ? (record.vmm?.pid ?? null) : null,
    socketPath: alive ? backendOf(context, record).controlSocketPath(pathsOf(context, record)) : null,
    backend: record.backend,
    accelerator: record.accelerator,
    createdAt: new Date(record.createdAtMs),
    expiresAt: record.expiresAtMs === null ? null : new Date(record.expiresAtMs),
    startedAt: record.startedAtMs === null ? null : new Date(record.startedAtMs),
    startPhases: record.startPhases,
    startedFrom: record.startedFrom,
    error: record.error ?? (status === "error" ? "the VMM ended unasked" : null),
  });
}
