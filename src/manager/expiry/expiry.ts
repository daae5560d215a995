import { VMNotFoundError } from "../../errors/smolvm-error.ts";
import { debugLog } from "../../process/debug-log.ts";
import { isProcessAlive } from "../../process/process-identity.ts";
import type { VMRecord } from "../../state/vm-record.ts";
import type { ChannelPool } from "../channel-pool.ts";
import type { ManagerContext } from "../context.ts";
import { deleteVm } from "../delete-vm.ts";
import { withOperation } from "../operation.ts";
import { isExpired } from "./time-to-live.ts";

/** After a deletion that failed, as when another process holds the VM for a minute. */
const RETRY_MS = 60_000;

/**
 * Deletes VMs whose time is up: those that this manager has used, by a timer; every other one when it is met. To callers an
 * expired VM is gone, also while its deletion is still under way.
 */
export class Expiry implements AsyncDisposable {
  readonly #context: ManagerContext;
  readonly #channels: ChannelPool;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #deletions = new Map<string, Promise<void>>();
  readonly #closing = new AbortController();

  constructor(context: ManagerContext, channels: ChannelPool) {
    this.#context = context;
    this.#channels = channels;
  }

  /**
   * Sees to it that a VM in use is deleted in time, as long as this process lives.
   *
   * @throws {VMNotFoundError} when its time is up.
   */
  watch(record: VMRecord): void {
    if (record.expiresAtMs === null) return;
    if (isExpired(record)) {
      this.#deleteSoon(record.id);
      throw expiredError(record);
    }
    if (!this.#timers.has(record.id)) this.#arm(record.id, record.expiresAtMs - Date.now());
  }

  /** Those whose time is not up. */
  remaining(records: readonly VMRecord[]): readonly VMRecord[] {
    return records.filter((record) => {
      const isGone = isExpired(record);
      if (isGone) this.#deleteSoon(record.id);
      return !isGone;
    });
  }

  /** Deletes all expired VMs that no live process works on; with `vmId`, waits for the end of that one. */
  async deleteExpired(vmId?: string): Promise<void> {
    const records = vmId === undefined ? this.#context.vms.list() : [this.#context.vms.find(vmId)];
    for (const record of records) {
      if (record === undefined || !isExpired(record)) continue;
      if (vmId === undefined && record.operator !== null && isProcessAlive(record.operator)) continue;
      await this.#delete(record.id);
    }
  }

  /** Waits for the deletions under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#closing.abort();
    await Promise.allSettled(this.#deletions.values());
  }

  #arm(vmId: string, delayMs: number): void {
    if (this.#closing.signal.aborted) return;
    const timer = setTimeout(() => {
      this.#timers.delete(vmId);
      const record = this.#context.vms.find(vmId);
      if (record === undefined || record.expiresAtMs === null) return;
      // The clock was set back, or another VM has the id by now.
      if (!isExpired(record)) this.#arm(vmId, record.expiresAtMs - Date.now());
      else this.#deleteSoon(vmId);
    }, delayMs);
    // Without this process the guest ends by itself, and whoever comes next deletes it.
    timer.unref();
    this.#timers.set(vmId, timer);
  }

  #deleteSoon(vmId: string): void {
    if (this.#closing.signal.aborted) return;
    this.#delete(vmId).catch((error: unknown) => {
      debugLog("expiry.failed", { vmId, reason: (error as Error).message });
      if (!this.#timers.has(vmId)) this.#arm(vmId, RETRY_MS);
    });
  }

  #delete(vmId: string): Promise<void> {
    const running = this.#deletions.get(vmId);
    if (running !== undefined) return running;
    const deletion = this.#deleteNow(vmId).finally(() => this.#deletions.delete(vmId));
    this.#deletions.set(vmId, deletion);
    return deletion;
  }

  async #deleteNow(vmId: string): Promise<void> {
    try {
      await withOperation(
        this.#context,
        vmId,
        "delete",
        async (record) => {
          // Another VM may have taken the id while this one was waited for.
          if (isExpired(record)) await deleteVm(this.#context, this.#channels, record);
        },
        this.#closing.signal,
      );
    } catch (error) {
      if (!(error instanceof VMNotFoundError)) throw error;
    }
  }
}

function expiredError(record: VMRecord): VMNotFoundError {
  return new VMNotFoundError(record.id, { expiredAt: new Date(record.expiresAtMs ?? 0) });
}
