import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import type { TestContext } from "node:test";
import { Database } from "../../../src/state/database.ts";
import { MIGRATIONS } from "../../../src/state/migrations.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";

function fresh(t: TestContext): string {
  return join(temporaryDir(t), "smolvm.db");
}

describe("the state database", () => {
  test("has the newest schema, writes ahead, and keeps foreign keys", (t) => {
    using database = new Database(fresh(t));
    assert.equal(database.get("PRAGMA user_version")?.["user_version"], MIGRATIONS.length);
    assert.equal(database.get("PRAGMA journal_mode")?.["journal_mode"], "wal");
    assert.equal(database.get("PRAGMA foreign_keys")?.["foreign_keys"], 1);
    assert.throws(() => database.run("INSERT INTO channel_leases VALUES ('nobody', 0, 't', 1, 'b')"), {
      name: "HostError",
      code: "STATE_ERROR",
      message: /FOREIGN KEY/,
    });
  });

  test("of a newer release is refused, and left as it is", (t) => {
    const path = fresh(t);
    new Database(path)[Symbol.dispose]();
    const newer = new DatabaseSync(path);
    newer.exec("PRAGMA user_version = 99");
    assert.throws(() => new Database(path), {
      name: "HostError",
      code: "STATE_ERROR",
      message: /written by a newer release \(schema 99\)/,
      hint: /Upgrade smolvm/,
    });
    // Nothing is locked, and nothing was changed.
    newer.exec("BEGIN EXCLUSIVE; COMMIT");
    assert.deepEqual({ ...newer.prepare("PRAGMA user_version").get() }, { user_version: 99 });
    newer.close();
  });

  test("a database of an earlier release keeps its VMs, and what live processes hold of them", (t) => {
    const path = fresh(t);
    const old = new DatabaseSync(path);
    for (const step of MIGRATIONS.slice(0, 2)) old.exec(step);
    old.exec(`
      PRAGMA user_version = 2;
      INSERT INTO vms (id, status, config, backend, socket_dir, created_at, template, operation)
        VALUES ('a', 'running', '{}', 'qemu', '/s', 1, 't', 'stop');
      INSERT INTO channel_leases VALUES ('a', 0, 'token', 1, 'birth');
    `);
    old.close();
    using database = new Database(path);
    const [vm] = database.all("SELECT id, home, status, template, operation, layer FROM vms");
    assert.deepEqual(
      { ...vm },
      { id: "a", home: "a", status: "running", template: "t", operation: "stop", layer: null },
    );
    assert.equal(database.all("SELECT * FROM channel_leases").length, 1);
    database.run("DELETE FROM vms");
    assert.equal(database.all("SELECT * FROM channel_leases").length, 0, "leases still go with their VM");
  });

  test("a transaction that fails leaves nothing, and the next one works", (t) => {
    using database = new Database(fresh(t));
    const insert = (): number => database.run("INSERT INTO retained_disks VALUES ('/a', 'a', 1, NULL)");
    assert.throws(
      () =>
        database.transaction(() => {
          insert();
          throw new Error("half-way");
        }),
      { message: "half-way" },
    );
    assert.deepEqual(database.all("SELECT * FROM retained_disks"), []);
    assert.equal(database.transaction(insert), 1);
    assert.equal(database.all("SELECT * FROM retained_disks").length, 1);
  });

  test("a transaction takes the lock before it reads, so that two cannot both act on what they read", (t) => {
    const path = fresh(t);
    using database = new Database(path);
    using other = new DatabaseSync(path, { timeout: 0 });
    database.transaction(() => {
      assert.throws(() => other.exec("BEGIN IMMEDIATE"), /locked/);
    });
    other.exec("BEGIN IMMEDIATE; COMMIT");
  });

  test("may be closed twice, and after that says so", (t) => {
    const database = new Database(fresh(t));
    database[Symbol.dispose]();
    database[Symbol.dispose]();
    assert.throws(() => database.all("SELECT 1"), { code: "STATE_ERROR" });
  });
});
