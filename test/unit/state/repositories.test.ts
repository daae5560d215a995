import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { TestContext } from "node:test";
import type { ResolvedVMConfig } from "../../../src/config/vm-config.ts";
import { identifySelf } from "../../../src/process/process-identity.ts";
import { Database } from "../../../src/state/database.ts";
import { LeaseRepository } from "../../../src/state/lease-repository.ts";
import { VMRepository } from "../../../src/state/vm-repository.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";

function open(t: TestContext): { database: Database; vms: VMRepository; leases: LeaseRepository } {
  t.after(() => database[Symbol.dispose]());
  const database = new Database(join(temporaryDir(t), "smolvm.db"));
  return { database, vms: new VMRepository(database), leases: new LeaseRepository(database) };
}

function add(vms: VMRepository, vmId: string): void {
  const config = { vmId, env: { A: "1" } } as unknown as ResolvedVMConfig;
  vms.insert({ config, network: null, backend: "qemu", imageId: "i", diskPath: `/d/${vmId}`, socketDir: "/s" });
}

describe("the table of VMs", () => {
  test("gives back what was put in, frozen", (t) => {
    const { vms } = open(t);
    add(vms, "a");
    const record = vms.get("a");
    assert.deepEqual(
      [record.id, record.status, record.config.env, record.operation],
      ["a", "created", { A: "1" }, "create"],
    );
    assert.deepEqual(record.operator, identifySelf());
    assert.ok(Object.isFrozen(record) && Object.isFrozen(record.config.env));
  });

  test("gives a VM the time that it was created with", (t) => {
    const { vms } = open(t);
    const config = { vmId: "a", ttlMs: 5_000 } as unknown as ResolvedVMConfig;
    vms.insert({ config, network: null, backend: "qemu", imageId: "i", diskPath: null, socketDir: "/s" });
    const { createdAtMs, expiresAtMs } = vms.get("a");
    assert.equal(expiresAtMs, createdAtMs + 5_000);
    add(vms, "b");
    assert.equal(vms.get("b").expiresAtMs, null);
  });

  test("takes an id once", (t) => {
    const { vms } = open(t);
    add(vms, "a");
    assert.throws(() => add(vms, "a"), { name: "VMAlreadyExistsError" });
    vms.remove("a", null);
    add(vms, "a");
  });

  test("an operation is held by one at a time, until it ends or its process is gone", (t) => {
    const { database, vms } = open(t);
    add(vms, "a");
    assert.equal(vms.beginOperation("a", "start"), undefined);
    vms.endOperation("a");
    assert.equal(vms.beginOperation("a", "start")?.operation, null);
    assert.equal(vms.beginOperation("a", "stop"), undefined);
    database.run("UPDATE vms SET operation_birth = 'another'");
    assert.equal(vms.beginOperation("a", "stop")?.operation, "start", "what the dead one left is told");
    assert.throws(() => vms.beginOperation("b", "stop"), { name: "VMNotFoundError" });
  });

  test("a VM that goes down loses its process and the leases on its channels", (t) => {
    const { vms, leases, database } = open(t);
    add(vms, "a");
    vms.setVmm("a", { vmm: identifySelf(), accelerator: "tcg" });
    vms.setRunning("a", { startedFrom: "cold", phases: [{ name: "boot", durationMs: 1 }] });
    leases.claim("a", 8);
    assert.deepEqual(
      [vms.get("a").status, vms.get("a").vmm, vms.get("a").accelerator],
      ["running", identifySelf(), "tcg"],
    );
    vms.setDown("a", "error", "why");
    const record = vms.get("a");
    assert.deepEqual([record.status, record.vmm, record.error, record.startPhases.length], ["error", null, "why", 1]);
    assert.deepEqual(database.all("SELECT * FROM channel_leases"), []);
  });

  test("remembers disks that are kept, until a VM that takes one up is made", (t) => {
    const { vms } = open(t);
    add(vms, "a");
    vms.remove("a", "/d/a");
    assert.equal(vms.find("a"), undefined);
    assert.ok(vms.isRetainedDisk("/d/a"));
    add(vms, "a");
    assert.ok(vms.isRetainedDisk("/d/a"));
    vms.finishCreate("a", "/d/a");
    assert.equal(vms.get("a").operation, null);
    assert.equal(vms.isRetainedDisk("/d/a"), false);
  });

  test("lists the oldest first, and by image", (t) => {
    const { vms } = open(t);
    for (const id of ["b", "a", "c"]) add(vms, id);
    assert.equal(vms.list().length, 3);
    assert.deepEqual(vms.imageUsers("i"), ["a", "b", "c"]);
    assert.deepEqual(vms.imageUsers("none"), []);
  });
});

describe("leases on channels", () => {
  test("the lowest free port is claimed, and none when all are held", (t) => {
    const { vms, leases } = open(t);
    add(vms, "a");
    const claimed = [0, 1, 2].map(() => leases.claim("a", 3));
    assert.deepEqual(
      claimed.map((lease) => lease?.port),
      [0, 1, 2],
    );
    assert.equal(leases.claim("a", 3), undefined);
    const [, second] = claimed;
    assert.ok(second);
    leases.release(second);
    assert.equal(leases.claim("a", 3)?.port, 1);
  });

  test("a lease of a process that is gone is free, and its late release takes nothing away", (t) => {
    const { database, vms, leases } = open(t);
    add(vms, "a");
    const first = leases.claim("a", 1);
    assert.ok(first);
    database.run("UPDATE channel_leases SET pid_birth = 'another'");
    const second = leases.claim("a", 1);
    assert.equal(second?.port, 0);
    leases.release(first);
    assert.equal(leases.claim("a", 1), undefined);
  });

  test("a VM is held while a live process has a lease on it, but for one that does not count", (t) => {
    const { database, vms, leases } = open(t);
    add(vms, "a");
    assert.equal(leases.isHeld("a"), false);
    const lease = leases.claim("a", 1);
    assert.ok(lease);
    assert.deepEqual([leases.isHeld("a"), leases.isHeld("a", process.pid), leases.isHeld("b")], [true, false, false]);
    database.run("UPDATE channel_leases SET pid_birth = '00000000:1'");
    assert.equal(leases.isHeld("a"), false, "its process is gone");
  });

  test("ports of one VM are not those of another, and go with it", (t) => {
    const { database, vms, leases } = open(t);
    for (const id of ["a", "b"]) add(vms, id);
    assert.deepEqual([leases.claim("a", 1)?.port, leases.claim("b", 1)?.port], [0, 0]);
    vms.remove("a", null);
    assert.deepEqual(
      database.all("SELECT vm_id FROM channel_leases").map((row) => row["vm_id"]),
      ["b"],
    );
  });
});
