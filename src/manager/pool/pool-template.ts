import { HostError, ImageError } from "../../errors/smolvm-error.ts";
import type { PoolRecord } from "../../state/pool-repository.ts";
import { chooseBackend } from "../choose-backend.ts";
import type { ManagerContext } from "../context.ts";
import { resolveVmConfig, type VMDefinition } from "../resolve-config.ts";
import { warmSpec } from "../warm-template.ts";
import { templateOf } from "../template-shape.ts";
import { vmConfigOf } from "./pool-config.ts";

/** What a VM for a pool is made of today. @throws {ImageError} `IMAGE_NOT_FOUND`: it is not built for a pool. */
export async function poolDefinition(context: ManagerContext, pool: PoolRecord): Promise<VMDefinition> {
  await context.images.resolve(pool.config.image);
  const backend = chooseBackend(undefined, context.backends);
  return await resolveVmConfig(vmConfigOf(pool), { backend, images: context.images });
}

/**
 * The key of the template that VMs for this pool continue from today, where this accelerator runs them; null where its image is
 * gone, undefined where this machine cannot tell, since its VMM is missing.
 */
export async function poolTemplateKey(
  context: ManagerContext,
  pool: PoolRecord,
  accelerator: string,
): Promise<string | null | undefined> {
  try {
    const definition = await poolDefinition(context, pool);
    const backend = chooseBackend(undefined, context.backends);
    return templateOf(definition, backend, warmSpec(context, definition, accelerator))?.key ?? null;
  } catch (error) {
    if (error instanceof ImageError) return null;
    if (error instanceof HostError) return undefined;
    throw error;
  }
}
