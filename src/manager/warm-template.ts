import type { Backend, LaunchSpec } from "../backends/backend.ts";
import { SmolVMError } from "../errors/smolvm-error.ts";
import { chooseAccelerator } from "../host/accelerator.ts";
import type { Template } from "../templates/template.ts";
import type { ManagerContext } from "./context.ts";
import { ensureTemplate } from "./make-template.ts";
import type { VMDefinition } from "./resolve-config.ts";
import { templateOf } from "./template-shape.ts";
import { vmPaths } from "./vm-files.ts";

/** Makes the template for VMs like this one, unless it is there. */
export async function warmTemplate(
  context: ManagerContext,
  definition: VMDefinition,
  backend: Backend,
  options: { readonly bootTimeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<Template> {
  const spec = warmSpec(context, definition, chooseAccelerator().accelerator);
  const wanted = templateOf(definition, backend, spec);
  if (wanted === undefined) {
    throw new SmolVMError(
      "UNSUPPORTED",
      "VMs of this kind have no template: they need an image and a disk of their own",
    );
  }
  const { rootfsPath } = definition.config;
  return await ensureTemplate(context, { ...wanted, ...options, backend, spec, rootfsPath });
}

/** A VM of this definition as its template's VMM sees it; names and paths are replaced. */
export function warmSpec(context: ManagerContext, definition: VMDefinition, accelerator: string): LaunchSpec {
  const { config, network } = definition;
  const disk = { path: config.rootfsPath, format: "raw", backing: undefined } as const;
  const paths = vmPaths(context.dataDir, config.vmId, context.socketDir);
  return { ...config, disk, network, accelerator, paths };
}
