import type { NetworkConfig } from "../../config/network-config.ts";
import type { SnapshotInfo } from "../../config/snapshot-info.ts";
import type { ResolvedVMConfig } from "../../config/vm-config.ts";

/** What the VM of a snapshot was, as far as new VMs are to be like it. */
export interface SnapshotDefinition {
  readonly config: ResolvedVMConfig;
  readonly network: NetworkConfig | null;
  readonly imageId: string | null;
  /** Size of the disk that the guest sees. */
  readonly diskSizeBytes: number;
  readonly includesMemory: boolean;
  readonly memoryFormat: SnapshotInfo["memoryFormat"];
  /** What this snapshot added on the host's disk, besides what it shares with earlier ones. */
  readonly sizeBytes: number;
  /** How long the VM stood still; 0 for one that did not run. */
  readonly pauseMs: number;
}
