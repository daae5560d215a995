import { randomUUID } from "node:crypto";
import { identifySelf, isProcessAlive } from "../process/process-identity.ts";
import type { Database } from "./database.ts";
import { toIdentity } from "./vm-record.ts";

/** One channel port of one VM, claimed by this process. */
export interface ChannelLease {
  readonly vmId: string;
  readonly port: number;
  readonly token: string;
}

/** Which process holds which channel port of which VM. A lease of a dead process counts as free. */
export class LeaseRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Claims the lowest free port, or returns undefined when live processes hold them all. */
  claim(vmId: string, portCount: number): ChannelLease | undefined {
    return this.#db.transaction(() => {
      const rows = this.#db.all("SELECT port, pid, pid_birth FROM channel_leases WHERE vm_id = ?", vmId);
      const taken = new Set(
        rows
          .filter((row) => {
            const holder = toIdentity(row["pid"], row["pid_birth"]);
            return holder !== null && isProcessAlive(holder);
          })
          .map((row) => Number(row["port"])),
      );
      for (let port = 0; port < portCount; port++) {
        if (taken.has(port)) continue;
        const self = identifySelf();
        const token = randomUUID();
        this.#db.run(
          "INSERT OR REPLACE INTO channel_leases (vm_id, port, token, pid, pid_birth) VALUES (?, ?, ?, ?, ?)",
          vmId,
          port,
          token,
          self.pid,
          self.birth,
        );
        return { vmId, port, token };
      }
      return undefined;
    });
  }

  /** Whether a live process has a channel to the VM; `exceptPid` does not count. */
  isHeld(vmId: string, exceptPid?: number): boolean {
    return this.#db.all("SELECT pid, pid_birth FROM channel_leases WHERE vm_id = ?", vmId).some((row) => {
      const holder = toIdentity(row["pid"], row["pid_birth"]);
      return holder !== null && holder.pid !== exceptPid && isProcessAlive(holder);
    });
  }

  /** Gives a port back; one that was taken over in between is left alone. */
  release(lease: ChannelLease): void {
    this.#db.run("DELETE FROM channel_leases WHERE token = ?", lease.token);
  }
}
