import { setTimeout as sleep } from "node:timers/promises";
import { SmolVMError } from "../errors/smolvm-error.ts";
import { GuestChannel } from "../guest/channel/channel.ts";
import { debugLog } from "../process/debug-log.ts";
import type { ChannelLease } from "../state/lease-repository.ts";
import type { VMRecord } from "../state/vm-record.ts";
import { backendOf, type ManagerContext, pathsOf } from "./context.ts";
import { waitWithin } from "./wait-within.ts";

/** A port given back by another process is not announced, so a VM whose ports are all held is asked again this often. */
const RETRY_MS = 25;

/** Deadline and cancellation of a connect. */
export interface ConnectOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The channels of this process: one warm connection per VM, made at first use, shared by all callers. */
export class ChannelPool implements AsyncDisposable {
  readonly #context: ManagerContext;
  readonly #channels = new Map<string, Promise<GuestChannel>>();
  /** Those of them that are made: the way of nearly every call. */
  readonly #open = new Map<string, GuestChannel>();
  /** Hears of each channel that is made. */
  onOpen: ((record: VMRecord, channel: GuestChannel) => void) | undefined;

  constructor(context: ManagerContext) {
    this.#context = context;
  }

  /**
   * The channel to a running VM.
   *
   * @throws {SmolVMError} `CHANNEL_BUSY` when other processes hold all ports of the VM until the deadline.
   * @throws {OperationTimeoutError} when the guest does not answer.
   */
  async get(record: VMRecord, options: ConnectOptions): Promise<GuestChannel> {
    for (;;) {
      const open = this.#open.get(record.id);
      if (open?.isOpen) return open;
      const existing = this.#channels.get(record.id);
      if (existing === undefined) return await this.#make(record, options);
      // Callers that arrive while a channel is being made share it; that the maker failed or gave up is not our failure.
      const channel = await waitWithin(
        existing.catch(() => undefined),
        { ...options, what: `connecting to the guest of "${record.id}"` },
      );
      if (channel?.isOpen) return channel;
      if (this.#channels.get(record.id) === existing) this.#channels.delete(record.id);
    }
  }

  /** Closes the channel to one VM, if there is one. */
  async close(vmId: string): Promise<void> {
    const existing = this.#channels.get(vmId);
    this.#channels.delete(vmId);
    this.#open.delete(vmId);
    const channel = await existing?.catch(() => undefined);
    await channel?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#channels.keys()].map((vmId) => this.close(vmId)));
  }

  async #make(record: VMRecord, options: ConnectOptions): Promise<GuestChannel> {
    const made = this.#connect(record, options);
    this.#channels.set(record.id, made);
    const forget = (): void => {
      if (this.#channels.get(record.id) === made) this.#channels.delete(record.id);
    };
    made.then((channel) => {
      this.#open.set(record.id, channel);
      void channel.closed.then(() => {
        if (this.#open.get(record.id) === channel) this.#open.delete(record.id);
        forget();
      });
    }, forget);
    return await made;
  }

  async #connect(record: VMRecord, options: ConnectOptions): Promise<GuestChannel> {
    const backend = backendOf(this.#context, record);
    const startMs = performance.now();
    const lease = await this.#claim(record, backend.capabilities.channelPorts, options);
    const path = backend.channelSocketPath(pathsOf(this.#context, record), lease.port);
    try {
      const channel = await GuestChannel.connect(path, {
        timeoutMs: Math.max(1, options.timeoutMs - (performance.now() - startMs)),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
      debugLog("channel.open", { vmId: record.id, port: lease.port, agent: channel.agentVersion });
      void channel.closed.then(() => this.#release(lease));
      this.onOpen?.(record, channel);
      return channel;
    } catch (error) {
      this.#release(lease);
      throw error;
    }
  }

  async #claim(record: VMRecord, portCount: number, options: ConnectOptions): Promise<ChannelLease> {
    const deadline = performance.now() + options.timeoutMs;
    for (;;) {
      options.signal?.throwIfAborted();
      const lease = this.#context.leases.claim(record.id, portCount);
      if (lease !== undefined) return lease;
      if (performance.now() > deadline) {
        throw new SmolVMError("CHANNEL_BUSY", `all ${portCount} channels of the VM "${record.id}" are in use`);
      }
      await sleep(RETRY_MS, undefined, options.signal === undefined ? {} : { signal: options.signal });
    }
  }

  #release(lease: ChannelLease): void {
    try {
      this.#context.leases.release(lease);
    } catch {
      // The database is closed already: the lease ends with this process.
    }
  }
}
