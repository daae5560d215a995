import type { Backend, LaunchedVmm, LaunchSpec, VmmPaths } from "../backends/backend.ts";
import type { StartFrom } from "../config/start-from.ts";
import type { StartedFrom } from "../config/vm-info.ts";
import { HostError, SmolVMError } from "../errors/smolvm-error.ts";
import { chooseAccelerator } from "../host/accelerator.ts";
import { debugLog } from "../process/debug-log.ts";
import type { ProcessIdentity } from "../process/process-identity.ts";
import type { Template } from "../templates/template.ts";
import type { VMRecord } from "../state/vm-record.ts";
import { requestTemplate } from "./background/request-template.ts";
import { explainBootFailure, StartLogs } from "./boot-failure.ts";
import type { ChannelPool } from "./channel-pool.ts";
import { backendOf, type ManagerContext, pathsOf } from "./context.ts";
import { announceEmulation } from "./emulation-notice.ts";
import { assertState, isDone } from "./effective-status.ts";
import { applyEnv } from "./environment.ts";
import { introduceGuest } from "./introduce-guest.ts";
import { launchSpecOf } from "./launch-spec.ts";
import { startFromPool } from "./pool/start-from-pool.ts";
import { flatMemoryOf, keepFlatMemory } from "./snapshots/flat-memory.ts";
import { filesOf, type SavedLayer } from "./snapshots/layer-chain.ts";
import { releaseLayers } from "./snapshots/release-layers.ts";
import { assertRestorable, savedStateOf } from "./snapshots/saved-state.ts";
import { emptyDisk, missingDiskSize, rebaseOnTemplate, wantedTemplate } from "./start-source.ts";
import { makeVmDirs } from "./vm-files.ts";
import { endVmm } from "./vmm.ts";

/** Deadline, cancellation, and what a start may continue from. */
export interface StartOptions {
  readonly bootTimeoutMs: number;
  readonly from: StartFrom;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Brings a VM up and tells its guest who it is. The caller holds the VM. A failed start ends the VMM and leaves the disk as it
 * is; the VM is then in state `error` (or in the one before, when the caller cancelled) and may be started again.
 *
 * @throws {OperationTimeoutError} when the guest is not ready in time; with the tails of console and VMM log.
 * @throws {SmolVMError} `BOOT_FAILED` when the VMM ends before the guest is ready; with the same tails.
 */
export async function startVm(
  context: ManagerContext,
  channels: ChannelPool,
  record: VMRecord,
  options: StartOptions,
): Promise<void> {
  if (isDone(record, "start")) return;
  assertState(record, "start");
  const backend = backendOf(context, record);
  backend.assertUsable();
  const { accelerator, reason } = chooseAccelerator();
  if (accelerator === "tcg") announceEmulation(reason);
  // A VM that waits has read what it needs of its image.
  if (await startFromPool(context, channels, record, { ...options, backend, accelerator })) return;
  if (record.imageId !== null) await context.images.resolve(record.imageId);

  const { from } = options;
  const saved = from === "auto" && record.savedLayer !== null ? savedStateOf(context, record.savedLayer) : undefined;
  // Before anything changes.
  if (saved !== undefined) await assertRestorable(context, backend, record, saved);

  // One that is on its way out still holds the disk.
  await endVmm(record.vmm);
  const start = new Start(context, channels, record, { backend, saved });
  const deadline = AbortSignal.timeout(options.bootTimeoutMs);
  const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
  try {
    await start.run({ ...options, signal });
  } catch (cause) {
    await start.abandon();
    const isCancelled = options.signal?.aborted === true && !deadline.aborted;
    if (isCancelled) {
      context.vms.setDown(record.id, record.status === "created" ? "created" : "stopped");
      throw options.signal.reason;
    }
    const { bootTimeoutMs } = options;
    const tails = start.logs.tails();
    const error = explainBootFailure(record.id, cause, { bootTimeoutMs, isLate: deadline.aborted, tails });
    context.vms.setDown(record.id, "error", error.message);
    throw error;
  }
}

/** One start of one VM. */
class Start {
  readonly logs: StartLogs;
  readonly #context: ManagerContext;
  readonly #channels: ChannelPool;
  readonly #record: VMRecord;
  readonly #backend: Backend;
  readonly #saved: SavedLayer | undefined;
  #vmm: LaunchedVmm | undefined;

  constructor(
    context: ManagerContext,
    channels: ChannelPool,
    record: VMRecord,
    on: { readonly backend: Backend; readonly saved: SavedLayer | undefined },
  ) {
    this.#context = context;
    this.#channels = channels;
    this.#record = record;
    this.#backend = on.backend;
    this.#saved = on.saved;
    const paths = pathsOf(context, record);
    makeVmDirs(paths);
    this.logs = new StartLogs(paths);
  }

  async run(options: StartOptions & { readonly signal: AbortSignal }): Promise<void> {
    if (this.#saved !== undefined) {
      await this.#continue(this.#saved, options);
      return;
    }
    const spec = await launchSpecOf(this.#context, this.#record);
    const wanted = options.from === "cold" ? undefined : await wantedTemplate(this.#record, this.#backend, spec);
    const template = wanted === undefined ? undefined : await this.#context.templates.find(wanted.key);
    if (options.from === "template" && template === undefined) throw noTemplate(this.#record);
    if (template !== undefined && (await this.#restore(template, options))) return;
    // Its disk may lie on a template by now. The machine need not be the one whose memory it leaves.
    const record = { ...this.#context.vms.get(this.#record.id), savedLayer: null };
    await this.#bring(await launchSpecOf(this.#context, record), { startedFrom: "cold" }, options);
    if (wanted !== undefined && template === undefined) requestTemplate(this.#context, this.#record);
  }

  /** From memory that was saved: the VM's own, or that of the VM which it is made of. */
  async #continue(saved: SavedLayer, options: StartOptions & { readonly signal: AbortSignal }): Promise<void> {
    const { purpose, memory } = saved.manifest;
    const { statePath } = filesOf(this.#context, saved.id);
    const { includesMemory } = memory.state;
    const spec = {
      ...(await launchSpecOf(this.#context, this.#record)),
      state: { path: statePath, includesMemory },
    } as const;
    await emptyDisk(spec.disk);
    if (includesMemory) {
      await this.#bring(spec, { startedFrom: purpose }, options);
      return;
    }
    const { path, ready } = await flatMemoryOf(this.#context, saved, options.signal);
    const mapped = { ...spec, memory: { path, sharing: "private" } } as const;
    await this.#bring(mapped, { startedFrom: purpose, memoryReady: ready, memoryLayer: saved.id }, options);
    if (purpose !== "hibernation") return;
    await keepFlatMemory(this.#context, saved);
    await releaseLayers(this.#context);
  }

  /** Ends what was begun. */
  async abandon(): Promise<void> {
    await this.#channels.close(this.#record.id);
    await endVmm(this.#context.vms.get(this.#record.id).vmm);
    this.#vmm?.detach();
  }

  /** False: the template is of no use, and gone; its disk is as good as any other for a cold boot. */
  async #restore(template: Template, options: StartOptions & { readonly signal: AbortSignal }): Promise<boolean> {
    const { diskPath } = this.#record;
    if (diskPath === null) return false;
    if (!(await rebaseOnTemplate(this.#context, { ...this.#record, diskPath }, template))) return false;
    const { memoryPath, statePath } = template;
    const spec = {
      ...(await launchSpecOf(this.#context, this.#context.vms.get(this.#record.id))),
      memory: { path: memoryPath, sharing: "private" },
      state: { path: statePath, includesMemory: false },
    } as const;
    try {
      await this.#bring(spec, { startedFrom: "template" }, options);
      return true;
    } catch (error) {
      const isVmmAtFault = error instanceof HostError && error.code === "VMM_FAILED";
      if (!isVmmAtFault || options.from === "template") throw error;
      debugLog("template.failed", { name: template.name, reason: error.message });
      await this.abandon();
      await this.#context.templates.retire(template.name);
      return false;
    }
  }

  async #bring(
    spec: LaunchSpec,
    source: StartSource,
    options: StartOptions & { readonly signal: AbortSignal },
  ): Promise<void> {
    const { id, config } = this.#record;
    const { signal, bootTimeoutMs } = options;
    const { accelerator } = spec;
    const { startedFrom, memoryLayer, memoryReady } = source;
    const onSpawn = (vmm: ProcessIdentity): void => this.#context.vms.setVmm(id, { vmm, accelerator });
    try {
      this.#vmm = await this.#backend.launch(spec, { signal, memoryReady, onSpawn });
    } catch (error) {
      // Why there was no memory says more than that the VMM did not start without it.
      await memoryReady;
      throw error;
    }
    // A disk that was laid on a template's is as large as that.
    const sizeBytes = await missingDiskSize(this.#record);
    if (sizeBytes !== undefined) await resizeDisk(this.#backend, spec.paths, { sizeBytes, signal });
    // The filesystem of a template has grown to its disk already.
    const growRoot = sizeBytes !== undefined || (startedFrom === "cold" && config.diskMode === "isolated");
    const record = this.#context.vms.get(id);
    const guestPhases = await introduceGuest(this.#channels, record, this.#vmm, { bootTimeoutMs, signal, growRoot });
    const phases = [...this.#vmm.phases, ...guestPhases];
    this.#context.vms.setRunning(id, { startedFrom, phases, memoryPath: spec.memory?.path, memoryLayer });
    await applyEnv(this.#context, this.#channels, id, { told: record.config.env, signal });
    this.#vmm.detach();
    // What is not continued from was given up.
    if (this.#record.savedLayer !== null && startedFrom === "cold") await releaseLayers(this.#context);
  }
}

/** What a VM continues from. */
interface StartSource {
  readonly startedFrom: StartedFrom;
  readonly memoryReady?: Promise<void>;
  readonly memoryLayer?: string;
}

async function resizeDisk(
  backend: Backend,
  paths: VmmPaths,
  options: { readonly sizeBytes: number; readonly signal: AbortSignal },
): Promise<void> {
  await using control = await backend.control(paths, options);
  await control.resizeDisk(options.sizeBytes);
}

function noTemplate(record: VMRecord): SmolVMError {
  return new SmolVMError("TEMPLATE_NOT_FOUND", `there is no template that the VM "${record.id}" could start from`, {
    details: { vmId: record.id },
  });
}
