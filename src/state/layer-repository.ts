import { randomBytes } from "node:crypto";
import { deepFreeze } from "../config/deep-freeze.ts";
import { identifySelf, isProcessAlive, type ProcessIdentity } from "../process/process-identity.ts";
import type { Database, SqlRow } from "./database.ts";
import { toIdentity } from "./vm-record.ts";

/**
 * A moment of a VM that others lie on: what was its disk, from then on only read, and what its memory was. Manifests are the
 * business of those who make them.
 */
export interface LayerRecord<Manifest = unknown> {
  readonly id: string;
  /** The VM that it was made of. */
  readonly vmId: string;
  /** The layer below its disk. */
  readonly parent: string | null;
  /** The layer that its memory builds on. */
  readonly memoryParent: string | null;
  /** The template below its disk or its memory. */
  readonly template: string | null;
  /** The disk that it adds. */
  readonly diskPath: string | null;
  /** The disk of the VM on top of it, until the VM has taken it. */
  readonly overlayPath: string | null;
  /** null: not finished, or it adds nothing but a disk. */
  readonly manifest: Manifest | null;
  /** Who makes it; null when it is finished. */
  readonly maker: ProcessIdentity | null;
}

/** What is known of a layer when it is begun. */
export type NewLayer = Pick<LayerRecord, "vmId" | "parent" | "memoryParent" | "template" | "diskPath" | "overlayPath">;

/** How a layer becomes whole. */
export interface FinishOptions {
  readonly isHeld?: boolean;
  readonly and?: () => void;
}

/** All that refers to a layer `l`: while one of these does, it stays. */
const IS_USED = `
  EXISTS (SELECT 1 FROM vms WHERE layer = l.id OR memory_layer = l.id OR saved_layer = l.id)
  OR EXISTS (SELECT 1 FROM layers WHERE parent = l.id OR memory_parent = l.id)
  OR EXISTS (SELECT 1 FROM snapshots WHERE layer = l.id)
  OR EXISTS (SELECT 1 FROM retained_disks WHERE layer = l.id)`;

/** Of a row of `layers`: the disk alone was saved, or it is not finished. */
const HAS_NO_MEMORY = "(json_extract(manifest, '$.memory') IS NULL)";

/** The table of layers. A row comes before its files and goes before them: files without a row are nobody's. */
export class LayerRepository<Manifest = unknown> {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Adds a layer that this process is making. */
  begin(layer: NewLayer): LayerRecord<Manifest> {
    const id = `layer-${randomBytes(8).toString("hex")}`;
    const self = identifySelf();
    this.#db.run(
      `INSERT INTO layers (id, vm_id, parent, memory_parent, template, disk_path, overlay_path, created_at, maker_pid, maker_birth)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      id,
      layer.vmId,
      layer.parent,
      layer.memoryParent,
      layer.template,
      layer.diskPath,
      layer.overlayPath,
      Date.now(),
      self.pid,
      self.birth,
    );
    return this.get(id);
  }

  find(id: string): LayerRecord<Manifest> | undefined {
    const row = this.#db.get("SELECT * FROM layers WHERE id = ?", id);
    return row && toLayerRecord<Manifest>(row);
  }

  get(id: string): LayerRecord<Manifest> {
    const layer = this.find(id);
    if (layer === undefined) throw new TypeError(`there is no layer ${id}`);
    return layer;
  }

  list(): readonly LayerRecord<Manifest>[] {
    return this.#db.all("SELECT * FROM layers ORDER BY created_at, id").map((row) => toLayerRecord<Manifest>(row));
  }

  /** The layers that nobody goes on making, or lets go of; with `vmId`, those of that VM. */
  abandoned(vmId?: string): readonly LayerRecord<Manifest>[] {
    const rows = this.#db.all(
      "SELECT * FROM layers WHERE maker_pid IS NOT NULL AND vm_id = ifnull(?, vm_id) ORDER BY created_at, id",
      vmId ?? null,
    );
    return rows.map((row) => toLayerRecord<Manifest>(row)).filter(({ maker }) => !isAlive(maker));
  }

  /** Says which file the VM's overlay on top of the layer is going to be, before it is made. */
  planOverlay(id: string, path: string): void {
    this.#db.run("UPDATE layers SET overlay_path = ? WHERE id = ?", path, id);
  }

  /** The VM writes to the overlay from now on, and its disk is the layer's. */
  putOverlay({ id, vmId, overlayPath }: LayerRecord): void {
    this.#db.run("UPDATE vms SET disk_path = ?, layer = ? WHERE id = ?", overlayPath, id, vmId);
  }

  /** It adds no disk after all: nothing was written to the VM's disk since the layer below. */
  dropDisk(id: string): void {
    this.#db.run("UPDATE layers SET disk_path = NULL, overlay_path = NULL WHERE id = ?", id);
  }

  /** The layer is whole; `and` is done in the same transaction. One that is held stays this process's until it is let go of. */
  finish(id: string, manifest: Manifest, { isHeld = false, and }: FinishOptions = {}): void {
    this.#db.transaction(() => {
      const text = JSON.stringify(manifest);
      this.#db.run("UPDATE layers SET manifest = ?, overlay_path = NULL WHERE id = ?", text, id);
      // One that was taken back half-way builds on no memory after all.
      this.#db.run(`UPDATE layers SET memory_parent = NULL WHERE id = ? AND ${HAS_NO_MEMORY}`, id);
      if (!isHeld) this.letGo(id);
      and?.();
    });
  }

  /** It may go as soon as nothing lies on it. */
  letGo(id: string): void {
    this.#db.run("UPDATE layers SET maker_pid = NULL, maker_birth = NULL WHERE id = ?", id);
  }

  /** Its memory needs nothing below it any more. */
  cutMemory(id: string, manifest: Manifest): void {
    this.#db.run("UPDATE layers SET manifest = ?, memory_parent = NULL WHERE id = ?", JSON.stringify(manifest), id);
  }

  /** Adds a layer that is whole from the start, as one that was imported is. */
  add(layer: NewLayer & { readonly id: string; readonly manifest: Manifest }): void {
    this.#db.run(
      `INSERT INTO layers (id, vm_id, parent, memory_parent, template, disk_path, manifest, created_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      layer.id,
      layer.vmId,
      layer.parent,
      layer.memoryParent,
      layer.template,
      layer.diskPath,
      JSON.stringify(layer.manifest),
      Date.now(),
    );
  }

  /**
   * Takes out the rows of all that nothing lies on, and returns them: their files are nobody's now. One that is not finished stays,
   * also when its maker has died: what it names as its disk is the one that the VM writes to.
   */
  takeUnused(): readonly LayerRecord<Manifest>[] {
    return this.#db.transaction(() => {
      const taken: LayerRecord<Manifest>[] = [];
      for (;;) {
        const rows = this.#db.all(`SELECT * FROM layers l WHERE manifest IS NOT NULL AND NOT (${IS_USED})`);
        const unused = rows.map((row) => toLayerRecord<Manifest>(row)).filter(({ maker }) => !isAlive(maker));
        if (unused.length === 0) return taken;
        for (const { id } of unused) this.#db.run("DELETE FROM layers WHERE id = ?", id);
        // What only these lay on is next.
        taken.push(...unused);
      }
    });
  }

  /** Forgets the memory of layers that only disks lie on, and returns their ids. */
  takeUnusedMemory(): readonly string[] {
    return this.#db.transaction(() => {
      const taken: string[] = [];
      for (;;) {
        const rows = this.#db.all(
          `SELECT id FROM layers l
           WHERE NOT ${HAS_NO_MEMORY} AND maker_pid IS NULL
             AND NOT EXISTS (SELECT 1 FROM vms WHERE memory_layer = l.id OR saved_layer = l.id)
             AND NOT EXISTS (SELECT 1 FROM layers WHERE memory_parent = l.id)
             AND NOT EXISTS (SELECT 1 FROM snapshots WHERE layer = l.id)`,
        );
        const ids = rows.map((row) => String(row["id"]));
        if (ids.length === 0) return taken;
        for (const id of ids) {
          this.#db.run(
            "UPDATE layers SET manifest = json_set(manifest, '$.memory', json('null')), memory_parent = NULL WHERE id = ?",
            id,
          );
        }
        // The memory that only these built on is next.
        taken.push(...ids);
      }
    });
  }

  /** Whether the disk at this path is a layer's, or about to be a VM's. */
  isDisk(path: string): boolean {
    const sql = "SELECT 1 AS one FROM layers WHERE disk_path = ? OR overlay_path = ?";
    return this.#db.get(sql, path, path) !== undefined;
  }
}

function isAlive(maker: ProcessIdentity | null): boolean {
  return maker !== null && isProcessAlive(maker);
}

function toLayerRecord<Manifest>(row: SqlRow): LayerRecord<Manifest> {
  const text = (column: string): string | null => row[column] as string | null;
  return deepFreeze({
    id: String(row["id"]),
    vmId: String(row["vm_id"]),
    parent: text("parent"),
    memoryParent: text("memory_parent"),
    template: text("template"),
    diskPath: text("disk_path"),
    overlayPath: text("overlay_path"),
    manifest: row["manifest"] === null ? null : (JSON.parse(String(row["manifest"])) as Manifest),
    maker: toIdentity(row["maker_pid"], row["maker_birth"]),
  });
}
