import type { ResolvedVMConfig } from "./vm-config.ts";

/** All that is known of a snapshot; deeply frozen. */
export interface SnapshotInfo {
  /** `snap-` and ten random characters. */
  readonly id: string;
  /** null where none was given. */
  readonly name: string | null;
  /** The VM that it was made of, which may be gone. */
  readonly vmId: string;
  readonly createdAt: Date;
  /** Whether VMs made from it continue where that VM was; otherwise they boot from its disk. */
  readonly includesMemory: boolean;
  /**
   * How the memory is kept: `"pages"`: what has changed in it, and VMs made from it share one file. `"stream"`: all of it, as the
   * VMM itself has written it while it stood still, where the machine does not let its memory be read. null: not at all.
   */
  readonly memoryFormat: "pages" | "stream" | null;
  /** What it added on the host's disk, besides what it shares with earlier snapshots and templates. */
  readonly sizeBytes: number;
  /** How long the VM stood still for it; 0 when it did not run. */
  readonly pauseMs: number;
  /** That of the VM. */
  readonly config: ResolvedVMConfig;
}
