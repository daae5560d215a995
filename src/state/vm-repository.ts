import type { Environment } from "../config/environment.ts";
import type { NetworkConfig } from "../config/network-config.ts";
import type { BackendName, ResolvedVMConfig } from "../config/vm-config.ts";
import type { StartedFrom, StartPhase } from "../config/vm-info.ts";
import { VMAlreadyExistsError, VMNotFoundError } from "../errors/smolvm-error.ts";
import { identifySelf, isProcessAlive, type ProcessIdentity } from "../process/process-identity.ts";
import type { Database } from "./database.ts";
import { toVmRecord, type VMOperation, type VMRecord } from "./vm-record.ts";

/** What is known of a VM when it is created. */
export interface NewVM {
  readonly config: ResolvedVMConfig;
  readonly network: NetworkConfig | null;
  readonly backend: BackendName;
  readonly imageId: string | null;
  readonly diskPath: string | null;
  readonly socketDir: string;
  /** The layer on which its disk lies. */
  readonly layer?: string | null;
  /** The layer from whose memory it continues at its first start. */
  readonly savedLayer?: string | null;
  readonly pool?: string | null;
}

/** What a start found out. */
export interface StartedVM {
  readonly vmm: ProcessIdentity;
  readonly accelerator: string;
}

/** What came up. */
export interface RunningVM {
  readonly startedFrom: StartedFrom;
  readonly phases: readonly StartPhase[];
  /** The file that is mapped as its memory. */
  readonly memoryPath?: string | undefined;
  /** The layer that its memory comes from. */
  readonly memoryLayer?: string | undefined;
}

/** The table of VMs. */
export class VMRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * Adds a VM as `created`, with the operation `create` held by this process until {@link endOperation}.
   *
   * @throws {VMAlreadyExistsError} also when ten processes insert the same id at once: one wins.
   */
  insert(vm: NewVM): VMRecord {
    const { vmId } = vm.config;
    const self = identifySelf();
    const createdAtMs = Date.now();
    const { ttlMs } = vm.config;
    return this.#db.transaction(() => {
      if (this.find(vmId) || this.isHome(vmId)) throw new VMAlreadyExistsError(vmId);
      this.#db.run(
        `INSERT INTO vms (id, home, status, config, network, backend, image_id, disk_path, socket_dir, layer, saved_layer, expires_at,
                          pool, created_at, operation, operation_pid, operation_birth)
         VALUES (?, ?, 'created', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'create', ?, ?)`,
        vmId,
        vmId,
        JSON.stringify(vm.config),
        vm.network === null ? null : JSON.stringify(vm.network),
        vm.backend,
        vm.imageId,
        vm.diskPath,
        vm.socketDir,
        vm.layer ?? null,
        vm.savedLayer ?? null,
        ttlMs === undefined ? null : createdAtMs + ttlMs,
        vm.pool ?? null,
        createdAtMs,
        self.pid,
        self.birth,
      );
      return this.get(vmId);
    });
  }

  find(vmId: string): VMRecord | undefined {
    const row = this.#db.get("SELECT * FROM vms WHERE id = ?", vmId);
    return row && toVmRecord(row);
  }

  /** @throws {VMNotFoundError} */
  get(vmId: string): VMRecord {
    const record = this.find(vmId);
    if (!record) throw new VMNotFoundError(vmId);
    return record;
  }

  /** All VMs, oldest first, those that wait in pools too. */
  list(): readonly VMRecord[] {
    return this.#db.all("SELECT * FROM vms ORDER BY created_at, id").map(toVmRecord);
  }

  /** Whether a VM has its directories under this name. */
  isHome(name: string): boolean {
    return this.#db.get("SELECT 1 AS one FROM vms WHERE home = ?", name) !== undefined;
  }

  /** Whether a VM writes to the disk at this path. */
  isDisk(path: string): boolean {
    return this.#db.get("SELECT 1 AS one FROM vms WHERE disk_path = ?", path) !== undefined;
  }

  /**
   * Changes the VM's environment variables; whatever `change` throws leaves them as they are.
   *
   * @throws {VMNotFoundError}
   */
  updateEnv(vmId: string, change: (env: Environment) => Environment): VMRecord {
    return this.#db.transaction(() => {
      const { config } = this.get(vmId);
      const env = change(config.env);
      this.#db.run("UPDATE vms SET config = ? WHERE id = ?", JSON.stringify({ ...config, env }), vmId);
      return this.get(vmId);
    });
  }

  /**
   * Takes the VM for one operation of this process, unless a live process (this one included) is at one already.
   *
   * @returns the record with what a dead operator left in `operation`, or undefined when the VM is taken.
   * @throws {VMNotFoundError}
   */
  beginOperation(vmId: string, operation: VMOperation): VMRecord | undefined {
    return this.#db.transaction(() => {
      const record = this.get(vmId);
      if (record.operator !== null && isProcessAlive(record.operator)) return undefined;
      const self = identifySelf();
      this.#db.run(
        "UPDATE vms SET operation = ?, operation_pid = ?, operation_birth = ? WHERE id = ?",
        operation,
        self.pid,
        self.birth,
        vmId,
      );
      return record;
    });
  }

  /** Gives the VM free again. */
  endOperation(vmId: string): void {
    this.#db.run("UPDATE vms SET operation = NULL, operation_pid = NULL, operation_birth = NULL WHERE id = ?", vmId);
  }

  /** Records the VMM as soon as it exists, so that whoever comes after a crash finds it. */
  setVmm(vmId: string, started: StartedVM): void {
    this.#db.run(
      "UPDATE vms SET pid = ?, pid_birth = ?, accelerator = ?, started_at = ?, error = NULL WHERE id = ?",
      started.vmm.pid,
      started.vmm.birth,
      started.accelerator,
      Date.now(),
      vmId,
    );
  }

  /** The VM is up. */
  setRunning(vmId: string, start: RunningVM): void {
    this.#db.run(
      `UPDATE vms SET status = 'running', error = NULL, paused_by = NULL, started_from = ?, start_phases = ?, memory_path = ?,
                      memory_layer = ?, saved_layer = NULL
       WHERE id = ?`,
      start.startedFrom,
      JSON.stringify(start.phases),
      start.memoryPath ?? null,
      start.memoryLayer ?? null,
      vmId,
    );
  }

  /** Its memory as of now is saved in this layer. */
  setMemoryLayer(vmId: string, layer: string): void {
    this.#db.run("UPDATE vms SET memory_layer = ? WHERE id = ?", layer, vmId);
  }

  /** Its next start continues from this layer's memory. */
  setSavedLayer(vmId: string, layer: string): void {
    this.#db.run("UPDATE vms SET saved_layer = ? WHERE id = ?", layer, vmId);
  }

  /** Its virtual CPUs stand still. */
  setPaused(vmId: string, pausedBy: "user" | "idle"): void {
    this.#db.run("UPDATE vms SET status = 'paused', paused_by = ? WHERE id = ?", pausedBy, vmId);
  }

  /** They go on. */
  setResumed(vmId: string): void {
    this.#db.run("UPDATE vms SET status = 'running', paused_by = NULL WHERE id = ?", vmId);
  }

  /** The VM's disk is about to lie on the disk of this template. */
  setTemplate(vmId: string, template: string): void {
    this.#db.run("UPDATE vms SET template = ? WHERE id = ?", template, vmId);
  }

  /** Whether the disk of some VM, or a layer, lies on this template. */
  isTemplateUsed(template: string): boolean {
    const sql = "SELECT 1 AS one FROM vms WHERE template = ? UNION ALL SELECT 1 FROM layers WHERE template = ?";
    return this.#db.get(sql, template, template) !== undefined;
  }

  /** The VM is down: its VMM and the leases on its channels are gone. `error` goes with the state `error`. */
  setDown(vmId: string, status: "created" | "stopped" | "error", error: string | null = null): void {
    this.#db.transaction(() => {
      this.#db.run(
        `UPDATE vms SET status = ?, error = ?, pid = NULL, pid_birth = NULL, paused_by = NULL, memory_path = NULL,
                        memory_layer = NULL
         WHERE id = ?`,
        status,
        error,
        vmId,
      );
      this.#db.run("DELETE FROM channel_leases WHERE vm_id = ?", vmId);
    });
  }

  /** Removes the row; with `retainedDisk`, remembers that the disk there is kept on purpose. */
  remove(vmId: string, retainedDisk: string | null): void {
    this.#db.transaction(() => {
      if (retainedDisk !== null) {
        this.#db.run(
          "INSERT OR REPLACE INTO retained_disks (path, vm_id, retained_at, layer) VALUES (?, ?, ?, ?)",
          retainedDisk,
          vmId,
          Date.now(),
          this.get(vmId).layer,
        );
      }
      this.#db.run("DELETE FROM vms WHERE id = ?", vmId);
    });
  }

  /** The disk that was kept when a VM of this id was deleted; undefined where there is none. */
  retainedDisk(vmId: string): { readonly path: string; readonly layer: string | null } | undefined {
    const row = this.#db.get("SELECT path, layer FROM retained_disks WHERE vm_id = ? ORDER BY retained_at DESC", vmId);
    return row && { path: String(row["path"]), layer: row["layer"] as string | null };
  }

  /** Whether the disk at this path was kept on purpose. */
  isRetainedDisk(path: string): boolean {
    return this.#db.get("SELECT 1 AS one FROM retained_disks WHERE path = ?", path) !== undefined;
  }

  /**
   * The VM is made, and a disk that was kept is its own now. Both at once: until then a crash undoes the VM, and must find
   * the disk still marked as kept.
   */
  finishCreate(vmId: string, diskPath: string | null): void {
    this.#db.transaction(() => {
      if (diskPath !== null) this.#db.run("DELETE FROM retained_disks WHERE path = ?", diskPath);
      this.endOperation(vmId);
    });
  }

  /** The ids of the VMs that use an image; those that wait in pools give way. */
  imageUsers(imageId: string): readonly string[] {
    const sql = "SELECT id FROM vms WHERE image_id = ? AND pool IS NULL ORDER BY id";
    return this.#db.all(sql, imageId).map((row) => String(row["id"]));
  }
}
