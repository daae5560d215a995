import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { describe, test } from "node:test";
import { SmolVMManager } from "../../src/index.ts";
import { ClientProcess } from "../support/client-process.ts";
import { assertNothingLeft, filesIn, processesNaming } from "../support/data-dir-state.ts";
import { testDataDir, testManager } from "../support/vm-fixture.ts";

describe("many processes on one data directory", () => {
  test("ids and MAC addresses never collide when 16 processes create VMs at once, on a directory that is new", async (t) => {
    const dataDir = testDataDir(t);
    await using clients = await ClientProcess.startMany(16, dataDir);
    const infos = await Promise.all(
      clients.all.flatMap((client) => Array.from({ length: 4 }, () => client.call("create", {}))),
    );
    assert.equal(infos.length, 64);
    assert.equal(new Set(infos.map(({ vmId }) => vmId)).size, 64);
    assert.equal(new Set(infos.map(({ network }) => network?.guestMac)).size, 64);
    for (const { network } of infos) assert.match(network?.guestMac ?? "", /^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/);
    assert.equal(filesIn(dataDir, "disks").length, 64);
    // Each by another process than the one that made it.
    await Promise.all(infos.map(async ({ vmId }, index) => await clients.all[index % 16]?.call("delete", vmId)));
  });

  test("of eight processes that create the same id, exactly one wins", async (t) => {
    const dataDir = testDataDir(t);
    await using clients = await ClientProcess.startMany(8, dataDir);
    for (let round = 0; round < 5; round++) {
      const vmId = `same-${round}`;
      const settled = await Promise.all(clients.all.map((client) => client.settle("create", { vmId })));
      const errors = settled.flatMap(({ error }) => (error === undefined ? [] : [error]));
      assert.deepEqual(
        errors.map(({ name }) => name),
        Array.from({ length: 7 }, () => "VMAlreadyExistsError"),
      );
      assert.deepEqual(filesIn(dataDir, "disks"), [`${vmId}.qcow2`]);
      await clients.all[round]?.call("delete", vmId);
    }
  });

  test("a fresh data directory is opened by sixteen processes at once", async (t) => {
    for (let round = 0; round < 2; round++) {
      const dataDir = testDataDir(t);
      // Starting a client opens the directory; one that cannot ends at once.
      await using clients = await ClientProcess.startMany(16, dataDir);
      assert.equal(clients.all.length, 16);
    }
  });

  test("starts and stops of one VM never overlap, and it ends in the state of the last", async (t) => {
    const dataDir = testDataDir(t);
    await using clients = await ClientProcess.startMany(4, dataDir);
    const [first] = clients.all;
    assert.ok(first);
    const { vmId } = await first.call("create", {});
    const infos = await Promise.all(clients.all.map((client) => client.call("start", vmId)));
    assert.equal(new Set(infos.map(({ pid }) => pid)).size, 1, "it was started once");
    assert.equal(processesNaming(join(dataDir, "sockets")).length, 1);

    const settled = await Promise.all(
      clients.all.flatMap((client, index) => [
        client.settle(index % 2 === 0 ? "stop" : "start", vmId),
        client.settle(index % 2 === 0 ? "start" : "stop", vmId),
      ]),
    );
    assert.deepEqual(
      settled.flatMap(({ error }) => (error === undefined ? [] : [error])),
      [],
    );
    const info = await first.call("get", vmId);
    assert.ok(["running", "stopped"].includes(info.status), info.status);
    assert.equal(processesNaming(join(dataDir, "sockets")).length, info.status === "running" ? 1 : 0);
    await first.call("start", vmId);
    assert.equal((await first.call("run", vmId, "echo well")).stdout, "well\n");
    await first.call("delete", vmId);
  });

  test("a VM that is deleted by several processes while others start and stop it is gone in the end", async (t) => {
    const dataDir = testDataDir(t);
    await using clients = await ClientProcess.startMany(6, dataDir);
    const { vmId } = (await clients.all[0]?.call("create", {})) ?? { vmId: "" };
    const calls = ["start", "delete", "stop", "delete", "start", "delete"] as const;
    const settled = await Promise.all(clients.all.map((client, index) => client.settle(calls[index] ?? "stop", vmId)));
    for (const { error } of settled)
      if (error !== undefined) assert.equal(error.name, "VMNotFoundError", error.message);
    const deletions = settled.filter((_, index) => calls[index] === "delete");
    assert.equal(deletions.filter(({ error }) => error === undefined).length, 1);
    for (const client of clients.all) await client.kill();
    await assertNothingLeft(dataDir);
  });
});

describe("a pid in the state", () => {
  test("that belongs to another process by now counts as dead, and that process is left alone", async (t) => {
    const manager = testManager(t);
    const { vmId } = await manager.create();
    const { pid } = await manager.start(vmId);
    const database = new DatabaseSync(join(manager.dataDir, "smolvm.db"));
    t.after(() => database.close());
    // The VMM has ended, and this test's process has got its number.
    process.kill(pid ?? 0, "SIGKILL");
    database.prepare("UPDATE vms SET pid = ?").run(process.pid);
    assert.equal(manager.get(vmId).status, "error");
    assert.equal(manager.get(vmId).pid, null);
    assert.deepEqual(await manager.reconcile(), [vmId]);
    database.prepare("UPDATE vms SET pid = ?, pid_birth = '00000000:1', status = 'running'").run(process.pid);
    await manager.stop(vmId);
    database.prepare("UPDATE vms SET pid = ?, pid_birth = '00000000:1', status = 'running'").run(process.pid);
    await manager.delete(vmId);
  });

  test("of an operator that is gone does not hold the VM", async (t) => {
    const manager = testManager(t);
    const { vmId } = await manager.create();
    const database = new DatabaseSync(join(manager.dataDir, "smolvm.db"));
    t.after(() => database.close());
    database.prepare("UPDATE vms SET operation = 'stop', operation_pid = ?, operation_birth = '0:1'").run(process.pid);
    await manager.start(vmId);
    await using second = new SmolVMManager({ dataDir: manager.dataDir });
    assert.equal(second.get(vmId).status, "running");
  });
});
