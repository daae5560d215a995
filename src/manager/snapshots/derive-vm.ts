import { deepFreeze } from "../../config/deep-freeze.ts";
import type { NetworkConfig, NetworkMode } from "../../config/network-config.ts";
import type { ResolvedVMConfig } from "../../config/vm-config.ts";
import { checkVmId, generateVmId } from "../../config/vm-id.ts";
import { checkEnvironment, checkEnvironmentSize } from "../../config/environment.ts";
import { SmolVMError } from "../../errors/smolvm-error.ts";
import type { Backend } from "../../backends/backend.ts";
import { planNetwork } from "../plan-network.ts";
import type { VMDefinition } from "../resolve-config.ts";

/** A VM that others are made of. */
export interface Ancestor {
  readonly config: ResolvedVMConfig;
  readonly network: NetworkConfig | null;
  readonly imageId: string | null;
  /** Whether the new VM continues from its memory. */
  readonly includesMemory: boolean;
  /** Whether the machine of that memory has a network interface. */
  readonly hasInterface: boolean;
}

/** How a new VM differs from it. */
export interface Differences {
  readonly vmId?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly network?: NetworkMode | undefined;
}

/**
 * The definition of a VM like another one, under an identity of its own.
 *
 * @throws {ValidationError} for a wrong id or environment; {@link NetworkError}.
 * @throws {SmolVMError} `UNSUPPORTED` for a network where the memory to continue from knows of no interface.
 */
export function deriveVm(ancestor: Ancestor, differences: Differences, backend: Backend): VMDefinition {
  const { config } = ancestor;
  const vmId = differences.vmId === undefined ? generateVmId() : checkVmId(differences.vmId);
  const env = differences.env === undefined ? config.env : checkEnvironment("env", differences.env);
  checkEnvironmentSize("env", env);
  const networkMode = differences.network ?? config.networkMode;
  const network = planNetwork(networkMode, backend);
  if (network !== null && ancestor.includesMemory && !ancestor.hasInterface) {
    throw new SmolVMError("UNSUPPORTED", "the snapshot is of a VM without a network, and its memory knows of none", {
      hint: "Leave `network` out, or make a snapshot with `includeMemory: false`.",
      details: { option: "network" },
    });
  }
  return {
    imageId: ancestor.imageId,
    network,
    // A disk that is kept must not lie on what others share with it.
    config: deepFreeze({ ...config, vmId, env, networkMode, retainDiskOnDelete: false }),
  };
}
