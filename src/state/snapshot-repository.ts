import { SmolVMError } from "../errors/smolvm-error.ts";
import { deepFreeze } from "../config/deep-freeze.ts";
import type { Database, SqlRow } from "./database.ts";

/** A snapshot: a layer with a name, and the definition of the VM that it was made of. */
export interface SnapshotRecord<Definition = unknown> {
  readonly id: string;
  readonly name: string | null;
  readonly layer: string;
  readonly vmId: string;
  readonly definition: Definition;
  readonly createdAtMs: number;
}

/** The table of snapshots. */
export class SnapshotRepository<Definition = unknown> {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** @throws {SmolVMError} `SNAPSHOT_ALREADY_EXISTS` when the name, or an id that is such a name, is taken. */
  insert(snapshot: Omit<SnapshotRecord<Definition>, "createdAtMs">): void {
    this.assertNameIsFree(snapshot.name);
    this.#db.run(
      "INSERT INTO snapshots (id, name, layer, vm_id, definition, created_at) VALUES (?, ?, ?, ?, ?, ?)",
      snapshot.id,
      snapshot.name,
      snapshot.layer,
      snapshot.vmId,
      JSON.stringify(snapshot.definition),
      Date.now(),
    );
  }

  /** @throws {SmolVMError} `SNAPSHOT_ALREADY_EXISTS`. */
  assertNameIsFree(name: string | null): void {
    if (name === null || this.find(name) === undefined) return;
    throw new SmolVMError("SNAPSHOT_ALREADY_EXISTS", `a snapshot named "${name}" exists already`, {
      details: { name },
    });
  }

  /** The snapshot of this id or name. */
  find(idOrName: string): SnapshotRecord<Definition> | undefined {
    const row = this.#db.get("SELECT * FROM snapshots WHERE id = ? OR name = ?", idOrName, idOrName);
    return row && toSnapshotRecord<Definition>(row);
  }

  /** @throws {SmolVMError} `SNAPSHOT_NOT_FOUND`. */
  get(idOrName: string): SnapshotRecord<Definition> {
    const snapshot = this.find(idOrName);
    if (snapshot !== undefined) return snapshot;
    throw new SmolVMError("SNAPSHOT_NOT_FOUND", `there is no snapshot "${idOrName}"`, {
      details: { snapshot: idOrName },
    });
  }

  /** All snapshots, oldest first. */
  list(): readonly SnapshotRecord<Definition>[] {
    return this.#db
      .all("SELECT * FROM snapshots ORDER BY created_at, id")
      .map((row) => toSnapshotRecord<Definition>(row));
  }

  /** Takes the row out; what it lay on stays as long as something else lies on it. */
  remove(id: string): void {
    this.#db.run("DELETE FROM snapshots WHERE id = ?", id);
  }
}

function toSnapshotRecord<Definition>(row: SqlRow): SnapshotRecord<Definition> {
  return deepFreeze({
    id: String(row["id"]),
    name: row["name"] as string | null,
    layer: String(row["layer"]),
    vmId: String(row["vm_id"]),
    definition: JSON.parse(String(row["definition"])) as Definition,
    createdAtMs: Number(row["created_at"]),
  });
}
