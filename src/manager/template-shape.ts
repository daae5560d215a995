import type { Backend, LaunchSpec } from "../backends/backend.ts";
import type { ResolvedVMConfig } from "../config/vm-config.ts";
import type { NetworkConfig } from "../config/network-config.ts";
import type { TemplateShape } from "../templates/template.ts";
import { templateKey } from "../templates/template-key.ts";

/** A template's filesystem is grown to this once, so that VMs with a disk of the default size need not grow theirs. */
const TEMPLATE_DISK_MIB = 4_096;

/** What a VM to be started has, as far as templates go. */
export interface TemplateCandidate {
  readonly config: ResolvedVMConfig;
  readonly network: NetworkConfig | null;
  readonly imageId: string | null;
}

/** Key and shape of the template for a VM; undefined where the VM is of a kind that has none. */
export function templateOf(
  vm: TemplateCandidate,
  backend: Backend,
  spec: Omit<LaunchSpec, "memory" | "state">,
): { readonly key: string; readonly shape: TemplateShape } | undefined {
  const { config, imageId } = vm;
  // Files of the caller's own may change at any time; a shared disk belongs to nobody's memory; and a disk that outlives its VM
  // must not lie on a template, which does not.
  const ownDisk = config.diskMode === "isolated" && !config.retainDiskOnDelete;
  const isPossible = backend.capabilities.canFreeze && imageId !== null && ownDisk;
  if (!isPossible) return undefined;
  const shape = {
    imageId,
    vcpuCount: config.vcpuCount,
    memoryMiB: config.memoryMiB,
    diskMiB: Math.min(config.diskMiB, TEMPLATE_DISK_MIB),
    accelerator: spec.accelerator,
    hasNetwork: vm.network !== null,
  };
  return { key: templateKey(shape, backend.stateIdentity(spec)), shape };
}
