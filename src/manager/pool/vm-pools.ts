import type { PoolRecord } from "../../state/pool-repository.ts";
import { requestBackground } from "../background/background-jobs.ts";
import type { ChannelPool } from "../channel-pool.ts";
import type { ManagerContext } from "../context.ts";
import { effectiveStatus } from "../effective-status.ts";
import { deleteMembers, endPool } from "./drop-members.ts";
import { fillPools, fillPoolsUnlessAwaited, type PoolFillResult, trimPool } from "./fill-pools.ts";
import { parsePoolOptions, type PoolOptions } from "./pool-config.ts";
import { poolDefinition } from "./pool-template.ts";

/** One pool as it is now. */
export interface PoolInfo {
  /** Name or id. */
  readonly image: string;
  readonly vcpuCount: number;
  readonly memoryMiB: number;
  /** null: the default of the image. */
  readonly diskMiB: number | null;
  readonly network: "user" | "none";
  /** VMs that it should hold. */
  readonly size: number;
  /** VMs that wait in it now. */
  readonly ready: number;
}

/**
 * Pools of VMs that have booted, have run their first commands, and wait, paused. A start of a VM of the same image and shape
 * takes one of them, which is faster than any other start; somebody in the background then fills the pool again.
 *
 * @example
 * ```ts
 * import { SmolVM, SmolVMManager } from "smolvm";
 *
 * await using manager = new SmolVMManager();
 * await manager.pool.set({ size: 4 });
 * await manager.pool.fill();
 * await using vm = await SmolVM.launch();
 * console.log(vm.info.startedFrom); // "pool"
 * ```
 */
export class VMPools {
  readonly #context: ManagerContext;
  readonly #channels: ChannelPool;

  /** @internal */
  constructor(context: ManagerContext, channels: ChannelPool) {
    this.#context = context;
    this.#channels = channels;
  }

  /**
   * Says how many VMs of an image and shape are held ready. They are made in the background, or by {@link VMPools.fill}.
   *
   * @param options - `size`: 0 ends the pool and deletes its VMs. The rest as in {@link VMConfig}.
   * @throws {ValidationError} for a wrong option; {@link ImageError} `IMAGE_NOT_FOUND`: the image is not built for a pool.
   */
  async set(options: PoolOptions): Promise<void> {
    const pool = parsePoolOptions(options);
    if (pool.size === 0) {
      if (this.#context.pools.find(pool.key) !== undefined) await endPool(this.#context, pool);
      return;
    }
    await poolDefinition(this.#context, pool);
    this.#context.pools.set(pool);
    await trimPool(this.#context, pool);
    requestBackground(this.#context, { kind: "fill" });
  }

  /** The pools of the data directory, oldest first. */
  list(): readonly PoolInfo[] {
    return this.#context.pools.list().map((pool) => this.#infoOf(pool));
  }

  /**
   * Makes VMs, one after the other, until every pool is full or this machine has no memory left for more. Also deletes those
   * that nobody can claim any more.
   */
  async fill(options: { readonly signal?: AbortSignal } = {}): Promise<PoolFillResult> {
    return await fillPools(this.#context, this.#channels, options.signal);
  }

  /** Deletes the VMs that wait in pools; the pools stay, to be filled again. */
  async drain(): Promise<void> {
    await deleteMembers(this.#context, this.#context.pools.members());
  }

  /**
   * {@link VMPools.fill} for whoever only wants it done; undefined when another process does it.
   *
   * @internal
   */
  async fillUnlessAwaited(signal?: AbortSignal): Promise<PoolFillResult | undefined> {
    return await fillPoolsUnlessAwaited(this.#context, this.#channels, signal);
  }

  #infoOf({ key, config, size }: PoolRecord): PoolInfo {
    const members = this.#context.pools.members(key);
    const isWaiting = members.filter((member) => member.operation === null && effectiveStatus(member) === "paused");
    return Object.freeze({ ...config, diskMiB: config.diskMiB ?? null, size, ready: isWaiting.length });
  }
}
