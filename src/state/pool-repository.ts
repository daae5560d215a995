import { isProcessRunning } from "../process/process-identity.ts";
import type { Database, SqlRow } from "./database.ts";
import { toVmRecord, type VMRecord } from "./vm-record.ts";

/** What the VMs of a pool are made of, as it was asked for. */
export interface PoolConfig {
  /** Name or id. */
  readonly image: string;
  readonly vcpuCount: number;
  readonly memoryMiB: number;
  /** undefined: the default of the image. */
  readonly diskMiB: number | undefined;
  readonly network: "user" | "none";
}

/** One pool: so many VMs of one kind wait to be claimed. */
export interface PoolRecord {
  readonly key: string;
  readonly config: PoolConfig;
  readonly size: number;
}

/** What a VM takes over from a pool's, and what it has otherwise. */
export interface VMPlace {
  readonly home: string;
  readonly diskPath: string;
  readonly socketDir: string;
}

/** Which of the waiting VMs can become a certain one. */
export interface Claim {
  /** What the name of their template begins with. */
  readonly templatePrefix: string;
  readonly diskMiB: number;
}

/** The pools, and the VMs that wait in them: rows of `vms` whose `pool` is not null. */
export class PoolRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Makes a pool, or changes the size of one. */
  set(pool: PoolRecord): void {
    this.#db.run(
      `INSERT INTO pools (key, config, size, created_at) VALUES (?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET size = excluded.size, config = excluded.config`,
      pool.key,
      JSON.stringify(pool.config),
      pool.size,
      Date.now(),
    );
  }

  find(key: string): PoolRecord | undefined {
    const row = this.#db.get("SELECT * FROM pools WHERE key = ?", key);
    return row && toPoolRecord(row);
  }

  /** Oldest first. */
  list(): readonly PoolRecord[] {
    return this.#db.all("SELECT * FROM pools ORDER BY created_at, key").map(toPoolRecord);
  }

  /** The VMs of a pool, or of all, oldest first: those that wait, and those that are being made or were left half-made. */
  members(key?: string): readonly VMRecord[] {
    const order = "ORDER BY created_at, id";
    const rows =
      key === undefined
        ? this.#db.all(`SELECT * FROM vms WHERE pool IS NOT NULL ${order}`)
        : this.#db.all(`SELECT * FROM vms WHERE pool = ? ${order}`, key);
    return rows.map(toVmRecord);
  }

  /** Removes a pool of size 0 that has no VMs any more; says whether it is gone. */
  remove(key: string): boolean {
    return this.#db.transaction(() => {
      this.#db.run(
        "DELETE FROM pools WHERE key = ? AND size = 0 AND NOT EXISTS (SELECT 1 FROM vms WHERE pool = pools.key)",
        key,
      );
      return this.find(key) === undefined;
    });
  }

  /**
   * Gives a VM that has never run what a waiting one has: its VMM, disk, directories and address. The waiting one is no VM
   * of its own any more. All in one transaction, so of two that claim at once no two get the same.
   *
   * @returns the VM that was claimed, or undefined when none waits.
   */
  claim(vmId: string, { templatePrefix, diskMiB }: Claim): VMRecord | undefined {
    return this.#db.transaction(() => {
      for (let dead = 0; ; dead++) {
        const row = this.#db.get(
          `SELECT * FROM vms
           WHERE pool IS NOT NULL AND status = 'paused' AND operation IS NULL
             AND substr(template, 1, ?) = ? AND json_extract(config, '$.diskMiB') = ?
           ORDER BY created_at, id LIMIT 1 OFFSET ?`,
          templatePrefix.length,
          templatePrefix,
          diskMiB,
          dead,
        );
        if (row === undefined) return undefined;
        const member = toVmRecord(row);
        // Whoever fills the pools removes it.
        if (member.vmm === null || !isProcessRunning(member.vmm)) continue;
        this.#db.run("DELETE FROM vms WHERE id = ?", member.id);
        this.#db.run(
          `UPDATE vms SET home = ?, disk_path = ?, socket_dir = ?, network = ?, template = ?, memory_path = ?, accelerator = ?,
                          pid = ?, pid_birth = ?, started_at = ?, error = NULL
           WHERE id = ?`,
          member.home,
          member.diskPath,
          member.socketDir,
          row["network"] ?? null,
          member.template,
          member.memoryPath,
          member.accelerator,
          member.vmm.pid,
          member.vmm.birth,
          Date.now(),
          vmId,
        );
        return member;
      }
    });
  }

  /** Takes a claim back: the VM has a disk and directories of its own, and no VMM. Its address stays, since it is nobody else's. */
  giveUpClaim(vmId: string, place: VMPlace): void {
    this.#db.run(
      `UPDATE vms SET home = ?, disk_path = ?, socket_dir = ?, template = NULL, memory_path = NULL, pid = NULL, pid_birth = NULL
       WHERE id = ?`,
      place.home,
      place.diskPath,
      place.socketDir,
      vmId,
    );
  }
}

function toPoolRecord(row: SqlRow): PoolRecord {
  return {
    key: String(row["key"]),
    config: JSON.parse(String(row["config"])) as PoolConfig,
    size: Number(row["size"]),
  };
}
