import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { QemuBackend } from "../backends/qemu/qemu-backend.ts";
import type { Backend } from "../backends/backend.ts";
import type { Environment } from "../config/environment.ts";
import { assertStartFrom, type StartFrom } from "../config/start-from.ts";
import { assertKnownOptions } from "../config/known-options.ts";
import {
  assertExportOptions,
  assertImportOptions,
  type ExportSnapshotOptions,
  type ImportSnapshotOptions,
} from "../config/snapshot-archive-options.ts";
import type { SnapshotInfo } from "../config/snapshot-info.ts";
import {
  assertSnapshotOptions,
  type ForkOptions,
  forkNames,
  type RestoreOptions,
  type SnapshotOptions,
} from "../config/snapshot-options.ts";
import { assertTimeout } from "../config/timeout.ts";
import { parseVmConfig } from "../config/parse-vm-config.ts";
import type { BackendName, VMConfig } from "../config/vm-config.ts";
import { checkVmId } from "../config/vm-id.ts";
import type { VMInfo } from "../config/vm-info.ts";
import type { VMState } from "../config/vm-state.ts";
import type { GuestChannel } from "../guest/channel/channel.ts";
import { resolveDataDir, resolveImageDir, resolveSocketDir } from "../host/paths.ts";
import { checkPrerequisites } from "../host/prerequisites.ts";
import type { BuildProgress } from "../images/debian-image.ts";
import { ImageStore } from "../images/image-store.ts";
import { CommandExecutionUnavailableError, SmolVMError } from "../errors/smolvm-error.ts";
import type { VMRecord } from "../state/vm-record.ts";
import { ChannelPool } from "./channel-pool.ts";
import { chooseBackend } from "./choose-backend.ts";
import { type ManagerContext, openContext, pathsOf } from "./context.ts";
import { createVm, type Origin } from "./create-vm.ts";
import { deleteVm } from "./delete-vm.ts";
import { assertState } from "./effective-status.ts";
import { setEnv, unsetEnv } from "./environment.ts";
import { Expiry } from "./expiry/expiry.ts";
import { IdleWatches } from "./idle/idle-watches.ts";
import { activityOf, isInterrupted } from "./idle/vm-activity.ts";
import { watchIdle } from "./idle/watch-idle.ts";
import { parseManagerOptions, type SmolVMManagerOptions } from "./manager-options.ts";
import { withOperation } from "./operation.ts";
import { drainImage } from "./pool/drop-members.ts";
import { VMPools } from "./pool/vm-pools.ts";
import { pauseVm, resumeVm } from "./pause-vm.ts";
import { reconcile } from "./reconcile.ts";
import { type VMDefinition, resolveVmConfig } from "./resolve-config.ts";
import { type ForkSource, openFork } from "./snapshots/fork-vm.ts";
import { hibernateVm } from "./snapshots/hibernate-vm.ts";
import { releaseLayers } from "./snapshots/release-layers.ts";
import { planRestore } from "./snapshots/restore-snapshot.ts";
import { takeSnapshot, toSnapshotInfo } from "./snapshots/take-snapshot.ts";
import { settleEach } from "./settle-each.ts";
import { startVm } from "./start-vm.ts";
import { stopVm } from "./stop-vm.ts";
import { warmTemplate } from "./warm-template.ts";
import { removeTemplatesOf } from "./template-cleanup.ts";
import { toVmInfo } from "./to-vm-info.ts";
import { DISK_DIR } from "./vm-files.ts";

const DEFAULT_BOOT_TIMEOUT_MS = 30_000;
const DEFAULT_STOP_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** What a restore ends with when its snapshot is deleted under it. */
const LACKS_OF_SNAPSHOT: readonly string[] = ["SNAPSHOT_CORRUPT", "STATE_ERROR"];

/** Options of {@link SmolVMManager.stop}. */
export interface StopOptions {
  /** After it the VM is ended by force. */
  readonly timeoutMs?: number;
  /** Save the memory, so that the next start continues where the VM was; false by default. */
  readonly keepMemory?: boolean;
  readonly signal?: AbortSignal;
}

/** Options of {@link SmolVMManager.create}. */
export interface CreateOptions {
  readonly signal?: AbortSignal;
  /** Hears of the build of the default image, where that has to be made first. */
  readonly onProgress?: (event: BuildProgress) => void;
}

/**
 * Many VMs of one data directory: creates, starts, stops, lists and deletes them. Any number of managers, in any number of
 * processes, may use one data directory at once.
 *
 * @example
 * ```ts
 * import { SmolVMManager } from "smolvm";
 *
 * await using manager = new SmolVMManager();
 * const vm = await manager.create({ vmId: "my-vm", memoryMiB: 512 });
 * await manager.start(vm.vmId);
 * for (const { vmId, status } of manager.listVms()) console.log(vmId, status);
 * await manager.delete(vm.vmId);
 * ```
 */
export class SmolVMManager implements AsyncDisposable {
  readonly dataDir: string;
  readonly socketDir: string;
  readonly imageDir: string;
  /** Directory of the VMs' disks. */
  readonly diskDir: string;
  /** The backend of VMs that name none. */
  readonly backend: BackendName;
  /** The images that VMs are made from. */
  readonly images: ImageStore;
  /** VMs that wait to be claimed. */
  readonly pool: VMPools;
  readonly #context: ManagerContext;
  readonly #channels: ChannelPool;
  readonly #expiry: Expiry;
  readonly #idle: IdleWatches;
  readonly #backends: ReadonlyMap<BackendName, Backend> = new Map([["qemu", new QemuBackend()]]);
  #closed = false;

  /** @throws {ValidationError} for an unknown backend; {@link HostError} when the data directory cannot be used. */
  constructor(options: SmolVMManagerOptions = {}) {
    const parsed = parseManagerOptions(options);
    this.backend = chooseBackend(parsed.backend, this.#backends).name;
    this.dataDir = resolveDataDir(parsed.dataDir);
    this.socketDir = resolveSocketDir(this.dataDir, parsed.socketDir);
    this.diskDir = join(this.dataDir, DISK_DIR);
    this.imageDir = resolveImageDir(parsed.imageDir);
    this.images = new ImageStore(this.imageDir);
    this.#context = openContext({
      dataDir: this.dataDir,
      socketDir: this.socketDir,
      images: this.images,
      backends: this.#backends,
    });
    this.#channels = new ChannelPool(this.#context);
    this.#expiry = new Expiry(this.#context, this.#channels);
    this.#idle = new IdleWatches(this.#context, this.#channels);
    this.pool = new VMPools(this.#context, this.#channels);
  }

  /**
   * A manager whose state holds this VM.
   *
   * @throws {VMNotFoundError}
   */
  static async fromId(vmId: string, options: SmolVMManagerOptions = {}): Promise<SmolVMManager> {
    const manager = new SmolVMManager(options);
    try {
      manager.get(vmId);
      return manager;
    } catch (error) {
      await manager.close();
      throw error;
    }
  }

  /**
   * Creates a VM: its record and its disk. It is not started.
   *
   * @throws {ValidationError} {@link VMAlreadyExistsError} {@link ImageError} {@link NetworkError} {@link HostError} before
   * anything is made, or with all that was made taken back.
   */
  async create(config: VMConfig = {}, options: CreateOptions = {}): Promise<VMInfo> {
    const parsed = parseVmConfig(config);
    const backend = chooseBackend(parsed.backend ?? this.backend, this.#backends);
    backend.assertUsable();
    const definition = await resolveVmConfig(parsed, { backend, images: this.images, ...options });
    return await this.#create(definition, { signal: options.signal });
  }

  /**
   * Makes the template from which VMs of this config start in a fraction of a boot's time; does nothing when it is there.
   *
   * @param options - `bootTimeoutMs`: 30,000 by default.
   */
  async warm(
    config: VMConfig = {},
    options: CreateOptions & { readonly bootTimeoutMs?: number } = {},
  ): Promise<{ readonly key: string }> {
    const { bootTimeoutMs = DEFAULT_BOOT_TIMEOUT_MS, ...createOptions } = options;
    assertTimeout("bootTimeoutMs", bootTimeoutMs);
    const parsed = parseVmConfig(config);
    const backend = chooseBackend(parsed.backend ?? this.backend, this.#backends);
    backend.assertUsable();
    const definition = await resolveVmConfig(parsed, { backend, images: this.images, ...createOptions });
    const { signal } = options;
    const { manifest } = await warmTemplate(this.#context, definition, backend, { bootTimeoutMs, signal });
    return { key: manifest.key };
  }

  /**
   * Boots a VM and waits until its guest answers. Does nothing when it runs already.
   *
   * @param options - `bootTimeoutMs`: 30,000 by default.
   * @throws {VMNotFoundError} {@link InvalidStateError} {@link OperationTimeoutError} and `BOOT_FAILED`, which carry the tails of
   * console and VMM log.
   */
  async start(
    vmId: string,
    options: { readonly bootTimeoutMs?: number; readonly from?: StartFrom; readonly signal?: AbortSignal } = {},
  ): Promise<VMInfo> {
    const { bootTimeoutMs = DEFAULT_BOOT_TIMEOUT_MS, signal } = options;
    assertTimeout("bootTimeoutMs", bootTimeoutMs);
    assertStartFrom(options.from);
    const { from = "auto" } = options;
    return await this.#operate(vmId, "start", signal, (record) =>
      record.pausedBy === "idle"
        ? resumeVm(this.#context, this.#channels, record, signal)
        : startVm(this.#context, this.#channels, record, { bootTimeoutMs, signal, from }),
    );
  }

  /**
   * Shuts a VM down; by force when the guest has not powered off after `timeoutMs` (10,000 by default). Its disk is kept, and with
   * `keepMemory` its memory too: then nothing is shut down, and the next start continues where it was, also after a reboot of
   * the host. Does nothing when it is down already.
   *
   * @throws {VMNotFoundError}
   */
  async stop(vmId: string, options: StopOptions = {}): Promise<VMInfo> {
    const { timeoutMs = DEFAULT_STOP_TIMEOUT_MS, keepMemory = false, signal } = options;
    assertTimeout("timeoutMs", timeoutMs);
    return await this.#operate(vmId, "stop", signal, (record) =>
      keepMemory
        ? hibernateVm(this.#context, this.#channels, record, signal)
        : stopVm(this.#context, this.#channels, record, { timeoutMs }),
    );
  }

  /**
   * Saves a VM as it is now, under a name; the VM goes on. New VMs are made from it with {@link SmolVMManager.restore}.
   *
   * @throws {VMNotFoundError} {@link InvalidStateError}
   * @throws {SmolVMError} `SNAPSHOT_ALREADY_EXISTS`, `NO_SPACE`, before anything is done.
   */
  async snapshot(vmId: string, options: SnapshotOptions = {}): Promise<SnapshotInfo> {
    assertSnapshotOptions(options);
    const { name = null, includeMemory = true, signal } = options;
    this.#find(vmId);
    return await withOperation(
      this.#context,
      vmId,
      "snapshot",
      (record) => takeSnapshot(this.#context, this.#channels, record, { name, includeMemory, signal }),
      signal,
    );
  }

  /** All snapshots of the data directory, oldest first; with `vmId`, those of that VM. */
  listSnapshots(options: { readonly vmId?: string } = {}): readonly SnapshotInfo[] {
    const all = this.#context.snapshots.list().map(toSnapshotInfo);
    return options.vmId === undefined ? all : all.filter(({ vmId }) => vmId === options.vmId);
  }

  /**
   * A snapshot, by its id or name.
   *
   * @throws {SmolVMError} `SNAPSHOT_NOT_FOUND`.
   */
  getSnapshot(idOrName: string): SnapshotInfo {
    return toSnapshotInfo(this.#context.snapshots.get(idOrName));
  }

  /**
   * Deletes a snapshot, by its id or name. What VMs and other snapshots share with it stays as long as they need it.
   *
   * @throws {SmolVMError} `SNAPSHOT_NOT_FOUND`.
   */
  async deleteSnapshot(idOrName: string): Promise<void> {
    this.#context.snapshots.remove(this.#context.snapshots.get(idOrName).id);
    await releaseLayers(this.#context);
  }

  /**
   * Writes a snapshot, by its id or name, to one new file, or to a stream, which is ended: with its memory, its disk, the image below
   * it and its environment variables, so that {@link SmolVMManager.importSnapshot} can take it in anywhere.
   *
   * @throws {SmolVMError} `SNAPSHOT_NOT_FOUND`, `SNAPSHOT_CORRUPT`, `FILE_EXISTS`, `NO_SPACE`; `UNSUPPORTED` for a VM that was made of
   * files instead of an image. No file is left then.
   */
  async exportSnapshot(
    idOrName: string,
    destination: string | Writable,
    options: ExportSnapshotOptions = {},
  ): Promise<void> {
    assertExportOptions(options);
    const { exportSnapshot } = await import("./snapshots/export-snapshot.ts");
    await exportSnapshot(this.#context, idOrName, destination, options);
  }

  /**
   * Takes in a snapshot that was exported, from its file or a stream. An image that it brings along is added to the image store, unless it
   * is there. Only import what you trust: no digest says who made it, and a VMM loads what is in it.
   *
   * @throws {SmolVMError} `SNAPSHOT_CORRUPT`, `SNAPSHOT_INCOMPATIBLE`, `SNAPSHOT_ALREADY_EXISTS`, `NO_SPACE`; {@link ImageError}
   * `IMAGE_NOT_FOUND` when its image is neither in it nor here. Nothing is left then.
   */
  async importSnapshot(source: string | Readable, options: ImportSnapshotOptions = {}): Promise<SnapshotInfo> {
    assertImportOptions(options);
    const { importSnapshot } = await import("./snapshots/import-snapshot.ts");
    return await importSnapshot(this.#context, source, options);
  }

  /**
   * Makes a VM from a snapshot, by its id or name, and starts it: with memory it continues where the other was, else it boots
   * from the other's disk. Any number of VMs can be made from one snapshot, each under an identity of its own.
   *
   * @throws {SmolVMError} `SNAPSHOT_NOT_FOUND`, `SNAPSHOT_CORRUPT`, `SNAPSHOT_INCOMPATIBLE`, before anything is made; and what
   * {@link SmolVMManager.start} throws: nothing is left then.
   */
  async restore(idOrName: string, options: RestoreOptions = {}): Promise<VMInfo> {
    assertKnownOptions("fromSnapshot()", options, ["vmId", "env", "network", "bootTimeoutMs", "signal"]);
    assertTimeout("bootTimeoutMs", options.bootTimeoutMs);
    const { id } = this.#context.snapshots.get(idOrName);
    try {
      const { definition, origin } = await planRestore(this.#context, id, options);
      return await this.launchFrom(definition, origin, options);
    } catch (error) {
      const isItsLack = !(error instanceof SmolVMError) || LACKS_OF_SNAPSHOT.includes(error.code);
      // Somebody has deleted it meanwhile, and what it lay on with it.
      if (isItsLack) this.#context.snapshots.get(id);
      throw error;
    }
  }

  /**
   * Makes VMs that continue from a running VM's state as of now, its processes included, each under an identity of its own. The
   * VM goes on; it stands still only while what has changed in its memory is copied. That one of them fails does not harm the
   * others.
   *
   * @returns one result for each of them, in the order of `names`.
   * @throws {VMNotFoundError} {@link InvalidStateError} {@link VMAlreadyExistsError} before anything is done.
   */
  async fork(vmId: string, options: ForkOptions = {}): Promise<PromiseSettledResult<VMInfo>[]> {
    await using source = await this.openFork(vmId, options);
    return await settleEach(source.children, (child) => this.launchFrom(child, source.origin, options));
  }

  /** For the classes of this package. @internal */
  async openFork(vmId: string, options: ForkOptions): Promise<ForkSource> {
    const names = forkNames(options);
    assertTimeout("bootTimeoutMs", options.bootTimeoutMs);
    const { signal } = options;
    this.#find(vmId);
    return await withOperation(
      this.#context,
      vmId,
      "snapshot",
      (record) => openFork(this.#context, this.#channels, record, { names, signal }),
      signal,
    );
  }

  /** For the classes of this package. @internal */
  async launchFrom(
    definition: VMDefinition,
    origin: Origin,
    options: { readonly bootTimeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<VMInfo> {
    const { bootTimeoutMs, signal } = options;
    const { vmId: id } = await this.#create(definition, { origin, signal });
    try {
      return await this.start(id, {
        ...(bootTimeoutMs === undefined ? {} : { bootTimeoutMs }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      await this.delete(id);
      throw error;
    }
  }

  /**
   * Stops the virtual CPUs of a running VM, which keeps its memory, its connections and its ports. Does nothing when it is paused
   * already.
   *
   * @throws {VMNotFoundError} {@link InvalidStateError} when it does not run.
   */
  async pause(vmId: string, options: { readonly signal?: AbortSignal } = {}): Promise<VMInfo> {
    return await this.#operate(vmId, "pause", options.signal, (record) => pauseVm(this.#context, record, "user"));
  }

  /**
   * Lets a paused VM go on, with the host's clock. Does nothing when it runs.
   *
   * @throws {VMNotFoundError} {@link InvalidStateError} when it is not paused.
   */
  async resume(vmId: string, options: { readonly signal?: AbortSignal } = {}): Promise<VMInfo> {
    const { signal } = options;
    return await this.#operate(vmId, "resume", signal, (record) =>
      resumeVm(this.#context, this.#channels, record, signal),
    );
  }

  /**
   * Deletes a VM with its process, disk (unless `retainDiskOnDelete`), logs and record, in whatever state it is.
   *
   * @throws {VMNotFoundError}
   */
  async delete(vmId: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    checkVmId(vmId);
    await withOperation(
      this.#context,
      vmId,
      "delete",
      (record) => deleteVm(this.#context, this.#channels, record),
      options.signal,
    );
  }

  /**
   * Sets environment variables of a VM: in its record, and in its guest where it runs.
   *
   * @throws {ValidationError} before anything is changed; {@link VMNotFoundError}.
   */
  async setEnv(vmId: string, variables: Environment): Promise<VMInfo> {
    await this.#awake(vmId);
    await setEnv(this.#context, this.#channels, vmId, variables);
    return this.get(vmId);
  }

  /**
   * Removes environment variables of a VM; those that are not set are fine.
   *
   * @throws {ValidationError} before anything is changed; {@link VMNotFoundError}.
   */
  async unsetEnv(vmId: string, names: readonly string[]): Promise<VMInfo> {
    await this.#awake(vmId);
    await unsetEnv(this.#context, this.#channels, vmId, names);
    return this.get(vmId);
  }

  /** @throws {VMNotFoundError} */
  get(vmId: string): VMInfo {
    return toVmInfo(this.#context, this.#find(vmId));
  }

  /** All VMs of the data directory, oldest first; with `status`, those in that state. */
  listVms(options: { readonly status?: VMState } = {}): readonly VMInfo[] {
    const records = this.#context.vms.list().filter(({ pool }) => pool === null);
    const all = this.#expiry.remaining(records).map((record) => toVmInfo(this.#context, record));
    return options.status === undefined ? all : all.filter(({ status }) => status === options.status);
  }

  /**
   * Makes records and reality agree, see `docs/architecture.md`.
   *
   * @returns the ids of the VMs that were found dead and are now in state `error`.
   */
  async reconcile(): Promise<readonly string[]> {
    await this.#expiry.deleteExpired();
    const stale = await reconcile(this.#context);
    await this.#idle.watchUnwatched();
    return stale;
  }

  /** What this machine lacks to run VMs, one sentence each; empty when nothing is missing. */
  async checkPrerequisites(): Promise<readonly string[]> {
    const reports = await checkPrerequisites({ purposes: ["run"] });
    return reports
      .filter(({ ok }) => !ok)
      .map(
        ({ name, use, detail, installCommand }) =>
          `${name}: ${detail ?? "missing"} (${use}); install it with: ${installCommand}`,
      );
  }

  /**
   * The channel to a running VM's guest; for the classes of this package.
   *
   * @internal
   */
  async channel(
    vmId: string,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<GuestChannel> {
    const timed = { timeoutMs: options.timeoutMs ?? CONNECT_TIMEOUT_MS, signal: options.signal };
    const record = await this.#awake(vmId, timed);
    assertState(record, "run");
    if (record.config.initrdPath === undefined) {
      throw new CommandExecutionUnavailableError(
        "COMMAND_UNAVAILABLE",
        `the VM "${vmId}" was made without an initrdPath, so no guest agent runs in it`,
        { hint: "Give the initrdPath of an image that was built by this package." },
      );
    }
    return await this.#channels.get(record, timed);
  }

  /**
   * Watches a VM with `idlePauseMs` until it is paused, or does not run any more; for a process that does nothing else.
   *
   * @internal
   */
  async watchIdle(vmId: string, options: { readonly signal: AbortSignal }): Promise<void> {
    // It is deleted in time, too.
    this.#find(vmId);
    await watchIdle(this.#context, this.#channels, this.#idle, vmId, options.signal);
  }

  /** Paths of the logs of a VM. @throws {VMNotFoundError} */
  logPaths(vmId: string): { readonly console: string; readonly vmm: string } {
    const { consoleLogPath, vmmLogPath } = pathsOf(this.#context, this.#find(vmId));
    return { console: consoleLogPath, vmm: vmmLogPath };
  }

  /**
   * Removes an image that no VM and no snapshot uses, and its templates in this data directory.
   *
   * @throws {ImageError} `IMAGE_NOT_FOUND`, `IMAGE_IN_USE`.
   */
  async removeImage(nameOrId: string): Promise<{ readonly id: string }> {
    await this.#expiry.deleteExpired();
    const removed = await this.images.remove(nameOrId, { inUse: ({ manifest }) => this.releaseImage(manifest.id) });
    await removeTemplatesOf(this.#context, removed.id);
    return removed;
  }

  /** The ids of the VMs and snapshots that use an image, but for VMs that wait in pools. */
  imageUsers(imageId: string): readonly string[] {
    const snapshots = this.#context.snapshots.list().filter(({ definition }) => definition.imageId === imageId);
    return [...this.#context.vms.imageUsers(imageId), ...snapshots.map(({ id }) => id)];
  }

  /**
   * The same for whoever removes the image where there are none: those that wait in pools are deleted then.
   *
   * @internal
   */
  async releaseImage(imageId: string): Promise<readonly string[]> {
    const users = this.imageUsers(imageId);
    if (users.length === 0) await drainImage(this.#context, imageId);
    return users;
  }

  /** Releases what this manager holds on the host; the VMs go on. May be called again. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#expiry[Symbol.asyncDispose]();
    await this.#idle.close();
    this.#context[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @throws {VMNotFoundError} also when its time is up. */
  #find(vmId: string): VMRecord {
    const record = this.#context.vms.get(checkVmId(vmId));
    this.#expiry.watch(record);
    return record;
  }

  async #create(
    definition: VMDefinition,
    options: { readonly origin?: Origin; readonly signal?: AbortSignal | undefined },
  ): Promise<VMInfo> {
    // The id of a VM whose time is up is free.
    await this.#expiry.deleteExpired(definition.config.vmId);
    const record = await createVm(this.#context, definition, options);
    this.#expiry.watch(record);
    return toVmInfo(this.#context, record);
  }

  /** The VM, which is woken where it sleeps, and put right where a process died at work on it: it may stand still. */
  async #awake(
    vmId: string,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined } = {
      timeoutMs: CONNECT_TIMEOUT_MS,
    },
  ): Promise<VMRecord> {
    const record = this.#find(vmId);
    if (activityOf(record) !== "asleep" && !isInterrupted(record)) return record;
    await this.#idle.wake(vmId, options);
    return this.#find(vmId);
  }

  async #operate(
    vmId: string,
    operation: "start" | "stop" | "pause" | "resume",
    signal: AbortSignal | undefined,
    work: Parameters<typeof withOperation<void>>[3],
  ): Promise<VMInfo> {
    this.#find(vmId);
    await withOperation(this.#context, vmId, operation, work, signal);
    return this.get(vmId);
  }
}
