import { deepFreeze } from "../config/deep-freeze.ts";
import type { NetworkConfig } from "../config/network-config.ts";
import type { BackendName, ResolvedVMConfig } from "../config/vm-config.ts";
import type { StartedFrom, StartPhase } from "../config/vm-info.ts";
import type { VMState } from "../config/vm-state.ts";
import type { ProcessIdentity } from "../process/process-identity.ts";
import type { SqlRow, SqlValue } from "./database.ts";

/** What a process is doing to a VM right now; other processes wait, and `reconcile` finishes what a dead one left. */
export type VMOperation = "create" | "start" | "stop" | "pause" | "idle-pause" | "resume" | "snapshot" | "delete";

/** One VM as the state database holds it. */
export interface VMRecord {
  readonly id: string;
  /** The name of its directories: its id, or that of the VM of a pool that it was. */
  readonly home: string;
  readonly status: VMState;
  readonly config: ResolvedVMConfig;
  readonly network: NetworkConfig | null;
  readonly backend: BackendName;
  readonly imageId: string | null;
  /** The overlay of this VM; null with a shared disk. */
  readonly diskPath: string | null;
  /** Directory of this VM's sockets. */
  readonly socketDir: string;
  readonly vmm: ProcessIdentity | null;
  readonly accelerator: string | null;
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  readonly startPhases: readonly StartPhase[];
  readonly startedFrom: StartedFrom | null;
  /** Name of the template on whose disk this VM's lies. */
  readonly template: string | null;
  /** The layer on which its disk lies; null: on that of its template, or on the image. */
  readonly layer: string | null;
  /** The file that the VMM maps as the guest's memory, copy-on-write; null: none. */
  readonly memoryPath: string | null;
  /** The last layer that its memory has been saved to, or has come from, since it last booted. */
  readonly memoryLayer: string | null;
  /** The layer from whose memory a stopped VM continues. */
  readonly savedLayer: string | null;
  /** Who paused it: its user, or the watch over idle VMs, which also wakes it. */
  readonly pausedBy: "user" | "idle" | null;
  readonly expiresAtMs: number | null;
  /** The pool in which it waits to be claimed. */
  readonly pool: string | null;
  readonly error: string | null;
  readonly operation: VMOperation | null;
  readonly operator: ProcessIdentity | null;
}

/** Turns a row of the table `vms` into a record. */
export function toVmRecord(row: SqlRow): VMRecord {
  return deepFreeze({
    id: text(row, "id"),
    home: text(row, "home"),
    status: text(row, "status") as VMState,
    config: JSON.parse(text(row, "config")) as ResolvedVMConfig,
    network: row["network"] === null ? null : (JSON.parse(text(row, "network")) as NetworkConfig),
    backend: text(row, "backend") as BackendName,
    imageId: row["image_id"] as string | null,
    diskPath: row["disk_path"] as string | null,
    socketDir: text(row, "socket_dir"),
    vmm: toIdentity(row["pid"], row["pid_birth"]),
    accelerator: row["accelerator"] as string | null,
    createdAtMs: Number(row["created_at"]),
    startedAtMs: row["started_at"] as number | null,
    startPhases: JSON.parse(text(row, "start_phases")) as StartPhase[],
    startedFrom: row["started_from"] as StartedFrom | null,
    template: row["template"] as string | null,
    layer: row["layer"] as string | null,
    memoryPath: row["memory_path"] as string | null,
    memoryLayer: row["memory_layer"] as string | null,
    savedLayer: row["saved_layer"] as string | null,
    pausedBy: row["paused_by"] as VMRecord["pausedBy"],
    expiresAtMs: row["expires_at"] as number | null,
    pool: row["pool"] as string | null,
    error: row["error"] as string | null,
    operation: row["operation"] as VMOperation | null,
    operator: toIdentity(row["operation_pid"], row["operation_birth"]),
  });
}

/** A pid counts only together with its birth. */
export function toIdentity(pid: SqlValue | undefined, birth: SqlValue | undefined): ProcessIdentity | null {
  return typeof pid === "number" && typeof birth === "string" ? { pid, birth } : null;
}

function text(row: SqlRow, column: string): string {
  return String(row[column]);
}
