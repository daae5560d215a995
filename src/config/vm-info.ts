import type { NetworkConfig } from "./network-config.ts";
import type { BackendName, ResolvedVMConfig } from "./vm-config.ts";
import type { VMState } from "./vm-state.ts";

/** One step of the last start, with the time it took. */
export interface StartPhase {
  readonly name: string;
  readonly durationMs: number;
}

/**
 * What a start continued from: `"cold"`: nothing. `"template"`: a template of the VM's image and shape. `"pool"`: a
 * VM that waited in a pool. `"snapshot"` and `"fork"`:
 * the memory of the VM that it was made of. `"hibernation"`: its own memory, as it was when it was stopped.
 */
export type StartedFrom = "cold" | "template" | "pool" | "snapshot" | "fork" | "hibernation";

/** All that is known of a VM at one moment; deeply frozen. Call `refresh()` for a newer one. */
export interface VMInfo {
  readonly vmId: string;
  readonly status: VMState;
  /** Who paused it: its user, or nobody used it (`idlePauseMs`) and the next call wakes it; null while it is not paused. */
  readonly pausedBy: "user" | "idle" | null;
  readonly config: ResolvedVMConfig;
  /** null when the VM has no network. */
  readonly network: NetworkConfig | null;
  /** Process id of the VMM; null while it does not run. */
  readonly pid: number | null;
  /** The VMM's control socket (QMP for QEMU); null while it does not run. */
  readonly socketPath: string | null;
  readonly backend: BackendName;
  /** What executes the guest's instructions: `"kvm"`, `"hvf"` or `"tcg"`; null before the first start. */
  readonly accelerator: string | null;
  readonly createdAt: Date;
  /** When the VM is deleted by itself; null: never. */
  readonly expiresAt: Date | null;
  /** When the last start began; null before the first. */
  readonly startedAt: Date | null;
  /** What the last start spent its time on; empty before the first. */
  readonly startPhases: readonly StartPhase[];
  /** What the last start continued from; null before the first. */
  readonly startedFrom: StartedFrom | null;
  /** Why the VM is in state `"error"`; null otherwise. */
  readonly error: string | null;
}
