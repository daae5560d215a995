import { VMNotFoundError } from "../../errors/smolvm-error.ts";
import { isProcessAlive } from "../../process/process-identity.ts";
import type { PoolRecord } from "../../state/pool-repository.ts";
import type { VMRecord } from "../../state/vm-record.ts";
import { templatePrefix } from "../../templates/template-store.ts";
import type { ManagerContext } from "../context.ts";
import { effectiveStatus } from "../effective-status.ts";
import { withOperation } from "../operation.ts";
import { removeVm } from "../recover.ts";
import { poolTemplateKey } from "./pool-template.ts";

/** Deletes VMs of pools, unless somebody has claimed them meanwhile. */
export async function deleteMembers(context: ManagerContext, members: readonly VMRecord[]): Promise<void> {
  for (const { id } of members) {
    try {
      await withOperation(context, id, "delete", async (record) => await removeVm(context, record));
    } catch (error) {
      // Claimed, or deleted by somebody else.
      if (!(error instanceof VMNotFoundError)) throw error;
    }
  }
}

/**
 * Deletes the VMs of pools that nobody can claim: whose VMM is gone, that were left half-made, or that came from a template that
 * is not today's (the image was rebuilt, QEMU upgraded).
 */
export async function dropUselessMembers(context: ManagerContext): Promise<void> {
  for (const pool of context.pools.list()) {
    const members = context.pools.members(pool.key);
    if (members.length > 0) await deleteMembers(context, await uselessOf(context, pool, members));
  }
}

/** Ends pools: their VMs go, and then they. A VM that is being made for one is waited for. */
export async function endPool(context: ManagerContext, pool: PoolRecord): Promise<void> {
  context.pools.set({ ...pool, size: 0 });
  do {
    await deleteMembers(context, context.pools.members(pool.key));
    // Somebody may have given it a size again.
    if ((context.pools.find(pool.key)?.size ?? 0) > 0) return;
  } while (!context.pools.remove(pool.key));
}

/** Deletes the VMs of pools that use an image. */
export async function drainImage(context: ManagerContext, imageId: string): Promise<void> {
  await deleteMembers(
    context,
    context.pools.members().filter((member) => member.imageId === imageId),
  );
}

async function uselessOf(
  context: ManagerContext,
  pool: PoolRecord,
  members: readonly VMRecord[],
): Promise<readonly VMRecord[]> {
  // Programs may differ in the accelerator that they ask for, and must not throw away each other's.
  const keys = new Map<string | null, string | null | undefined>();
  for (const { accelerator } of members) {
    if (accelerator === null || keys.has(accelerator)) continue;
    keys.set(accelerator, await poolTemplateKey(context, pool, accelerator));
  }
  return members.filter((member) => {
    if (member.operator !== null && isProcessAlive(member.operator)) return false;
    if (member.operation !== null || effectiveStatus(member) !== "paused") return true;
    const key = keys.get(member.accelerator);
    return key === null || (key !== undefined && member.template?.startsWith(templatePrefix(key)) !== true);
  });
}
