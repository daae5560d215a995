import type { Environment } from "../config/environment.ts";
import type { NetworkConfig } from "../config/network-config.ts";
import type { BackendName, ResolvedVMConfig } from "../config/vm-config.ts";
import type { StartedFrom, StartPhase } from "../config/vm-info.ts";
import type { VMState } from "../config/vm-state.ts";
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
}

/** What a start found out. */
export interface StartedVM {
  readonly vmm: ProcessIdentity;
  readonly accelerator: string;
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
    return this.#db.transaction(() => {
      if (this.find(vmId)) throw new VMAlreadyExistsError(vmId);
      this.#db.run(
        `INSERT INTO vms (id, status, config, network, backend, image_id, disk_path, socket_dir, created_at,
                          operation, operation_pid, operation_birth)
         VALUES (?, 'created', ?, ?, ?, ?, ?, ?, ?, 'create', ?, ?)`,
        vmId,
        JSON.stringify(vm.config),
        vm.network === null ? null : JSON.stringify(vm.network),
        vm.backend,
        vm.imageId,
        vm.diskPath,
        vm.socketDir,
        Date.now(),
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

  /** All VMs, oldest first; with `status`, those in that state. */
  list(status?: VMState): readonly VMRecord[] {
    const rows =
      status === undefined
        ? this.#db.all("SELECT * FROM vms ORDER BY created_at, id")
        : this.#db.all("SELECT * FROM vms WHERE status = ? ORDER BY created_at, id", status);
    return rows.map(toVmRecord);
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
  setRunning(vmId: string, startedFrom: StartedFrom, phases: readonly StartPhase[]): void {
    this.#db.run(
      "UPDATE vms SET status = 'running', error = NULL, started_from = ?, start_phases = ? WHERE id = ?",
      startedFrom,
      JSON.stringify(phases),
      vmId,
    );
  }

  /** The VM's disk is about to lie on the disk of this template. */
  setTemplate(vmId: string, template: string): void {
    this.#db.run("UPDATE vms SET template = ? WHERE id = ?", template, vmId);
  }

  /** Whether the disk of some VM lies on the disk of this template. */
  isTemplateUsed(template: string): boolean {
    return this.#db.get("SELECT 1 AS one FROM vms WHERE template = ?", template) !== undefined;
  }

  /** The VM is down: its VMM and the leases on its channels are gone. `error` goes with the state `error`. */
  setDown(vmId: string, status: "created" | "stopped" | "error", error: string | null = null): void {
    this.#db.transaction(() => {
      this.#db.run(
        "UPDATE vms SET status = ?, error = ?, pid = NULL, pid_birth = NULL WHERE id = ?",
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
          "INSERT OR REPLACE INTO retained_disks (path, vm_id, retained_at) VALUES (?, ?, ?)",
          retainedDisk,
          vmId,
          Date.now(),
        );
      }
      this.#db.run("DELETE FROM vms WHERE id = ?", vmId);
    });
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

  /** The ids of images that VMs use, each with the ids of those VMs. */
  imageUsers(imageId: string): readonly string[] {
    return this.#db.all("SELECT id FROM vms WHERE image_id = ? ORDER BY id", imageId).map((row) => String(row["id"]));
  }
}
