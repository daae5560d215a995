import { join } from "node:path";
import { SmolVMError } from "../../errors/smolvm-error.ts";
import { hasRoomFor } from "../../host/available-memory.ts";
import { acquireLock } from "../../process/claim-lock.ts";
import { debugLog } from "../../process/debug-log.ts";
import type { PoolRecord } from "../../state/pool-repository.ts";
import { chooseBackend } from "../choose-backend.ts";
import type { ChannelPool } from "../channel-pool.ts";
import type { ManagerContext } from "../context.ts";
import { deleteMembers, dropUselessMembers } from "./drop-members.ts";
import { makeMember } from "./make-member.ts";
import { poolDefinition } from "./pool-template.ts";

/** What filling the pools came to. */
export interface PoolFillResult {
  /** VMs that were added. */
  readonly made: number;
  /** Whether every pool holds as many VMs as it should. */
  readonly isFull: boolean;
  /** Why not: `"memory"` where this machine has not enough free. */
  readonly boundedBy: "memory" | null;
}

/** Fills the pools of the data directory, one VM at a time; one process at a time does so, and others wait for it. */
export async function fillPools(
  context: ManagerContext,
  channels: ChannelPool,
  signal?: AbortSignal,
): Promise<PoolFillResult> {
  await using _lock = await acquireLock(lockPath(context, "fill"), { signal });
  return await fill(context, channels, signal);
}

/**
 * The same for whoever only wants it done: where one process fills and another waits to, that one does it, since it looks at
 * the pools after this moment.
 */
export async function fillPoolsUnlessAwaited(
  context: ManagerContext,
  channels: ChannelPool,
  signal?: AbortSignal,
): Promise<PoolFillResult | undefined> {
  const next = await tryLock(lockPath(context, "next"));
  if (next === undefined) return undefined;
  try {
    await using _lock = await acquireLock(lockPath(context, "fill"), { signal });
    await next[Symbol.asyncDispose]();
    return await fill(context, channels, signal);
  } finally {
    await next[Symbol.asyncDispose]();
  }
}

async function fill(context: ManagerContext, channels: ChannelPool, signal?: AbortSignal): Promise<PoolFillResult> {
  await dropUselessMembers(context);
  let made = 0;
  const failures = new Map<string, unknown>();
  for (;;) {
    const pool = mostWanting(context, failures);
    if (pool === undefined) break;
    if (!hasRoomFor(pool.config.memoryMiB)) return { made, isFull: false, boundedBy: "memory" };
    const backend = chooseBackend(undefined, context.backends);
    try {
      await makeMember(context, channels, pool, { backend, definition: await poolDefinition(context, pool), signal });
      made++;
    } catch (error) {
      const now = context.pools.find(pool.key);
      await dropUselessMembers(context);
      signal?.throwIfAborted();
      debugLog("pool.failed", { key: pool.key, reason: (error as Error).message });
      // One that was ended meanwhile takes no more; the others are filled before the failure is told.
      if (now !== undefined && now.size > 0) failures.set(pool.key, error);
    }
  }
  for (const error of failures.values()) throw error;
  return { made, isFull: true, boundedBy: null };
}

/** The pool that lacks the most VMs. */
function mostWanting(context: ManagerContext, failures: ReadonlyMap<string, unknown>): PoolRecord | undefined {
  const lacks = context.pools
    .list()
    .filter(({ key }) => !failures.has(key))
    .map((pool) => ({ pool, count: pool.size - context.pools.members(pool.key).length }))
    .filter(({ count }) => count > 0)
    .toSorted((a, b) => b.count - a.count);
  return lacks[0]?.pool;
}

/** Deletes the VMs that a pool has too many of, the youngest first. */
export async function trimPool(context: ManagerContext, { key, size }: PoolRecord): Promise<void> {
  await deleteMembers(context, context.pools.members(key).slice(size));
}

async function tryLock(path: string): Promise<AsyncDisposable | undefined> {
  const held = new AbortController();
  try {
    return await acquireLock(path, { signal: held.signal, onWait: () => held.abort() });
  } catch (error) {
    if (held.signal.aborted && !(error instanceof SmolVMError)) return undefined;
    throw error;
  }
}

function lockPath(context: ManagerContext, name: "fill" | "next"): string {
  return join(context.dataDir, "locks", `pool-${name}`);
}
