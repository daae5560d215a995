import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { SmolVMManager } from "../../src/index.ts";
import { ClientProcess } from "../support/client-process.ts";
import { assertConsistent, assertNothingLeft } from "../support/data-dir-state.ts";
import { testDataDir, testManager } from "../support/vm-fixture.ts";

/** Moments from 0 to `durationMs`, spread evenly, so that every part of an operation is hit. */
function moments(count: number, durationMs: number): number[] {
  return Array.from({ length: count }, (_, index) => ((index + Math.random()) / count) * durationMs);
}

describe("a process killed at any moment", () => {
  test("of 25 creates leaves nothing that a new process does not put right", async (t) => {
    const dataDir = testDataDir(t);
    await using manager = new SmolVMManager({ dataDir });
    let finished = 0;
    for (const killAfterMs of moments(25, 60)) {
      await using client = await ClientProcess.start(dataDir);
      if (await client.interrupt({ killAfterMs }, "create", { vmId: "vm" })) finished++;
      await client.kill();
      await manager.reconcile();
      await assertConsistent(manager);
      if (manager.listVms().length === 0) await manager.create({ vmId: "vm" });
      await manager.delete("vm");
    }
    t.diagnostic(`${finished} of 25 finished`);
  });

  test("of 25 deletes leaves the VM whole or gone", async (t) => {
    const dataDir = testDataDir(t);
    await using manager = new SmolVMManager({ dataDir });
    for (const killAfterMs of moments(25, 30)) {
      if (manager.listVms().length === 0) await manager.create({ vmId: "vm" });
      await using client = await ClientProcess.start(dataDir);
      await client.interrupt({ killAfterMs }, "delete", "vm");
      await client.kill();
      await manager.reconcile();
      await assertConsistent(manager);
    }
    for (const { vmId } of manager.listVms()) await manager.delete(vmId);
  });

  test("of 12 starts leaves no VMM that nobody knows, and the VM starts", async (t) => {
    const dataDir = testDataDir(t);
    await using manager = new SmolVMManager({ dataDir });
    await manager.create({ vmId: "vm" });
    // Most of them early, where the process, its record and its sockets are made.
    for (const killAfterMs of [...moments(9, 150), ...moments(3, 2_000)]) {
      await using client = await ClientProcess.start(dataDir);
      await client.interrupt({ killAfterMs }, "start", "vm");
      await client.kill();
      await manager.reconcile();
      await assertConsistent(manager);
      await manager.stop("vm");
    }
    assert.equal((await manager.start("vm")).status, "running");
    await manager.delete("vm");
    await assertNothingLeft(dataDir);
  });

  test("of 6 stops leaves a VM that can be stopped and started", async (t) => {
    const dataDir = testDataDir(t);
    await using manager = new SmolVMManager({ dataDir });
    await manager.create({ vmId: "vm" });
    for (const killAfterMs of moments(6, 120)) {
      await manager.start("vm");
      await using client = await ClientProcess.start(dataDir);
      await client.interrupt({ killAfterMs }, "stop", "vm");
      await client.kill();
      await manager.reconcile();
      assert.equal((await manager.stop("vm")).status, "stopped");
      await assertConsistent(manager);
    }
    await manager.delete("vm");
  });
});

describe("reconcile()", () => {
  test("by four processes at once finds each dead VM, and leaves the rest alone", async (t) => {
    const manager = testManager(t);
    const { dataDir } = manager;
    await manager.create({ vmId: "dead" });
    await manager.create({ vmId: "idle" });
    const { pid } = await manager.start("dead");
    process.kill(pid ?? 0, "SIGKILL");
    while (manager.get("dead").status === "running") await new Promise((resolve) => setTimeout(resolve, 5));
    await using clients = await ClientProcess.startMany(4, dataDir);
    const found = await Promise.all(clients.all.map((client) => client.call("reconcile")));
    assert.deepEqual(found.flat(), ["dead"]);
    assert.deepEqual([manager.get("dead").status, manager.get("idle").status], ["error", "created"]);
  });

  test("does not take the files of VMs that others make and delete meanwhile for orphans", async (t) => {
    const dataDir = testDataDir(t);
    await using clients = await ClientProcess.startMany(4, dataDir);
    const [cleaner, ...makers] = clients.all;
    let isOver = false;
    const cleaning = (async () => {
      let rounds = 0;
      for (; !isOver; rounds++) assert.deepEqual(await cleaner?.call("reconcile"), []);
      return rounds;
    })();
    await using manager = new SmolVMManager({ dataDir });
    await Promise.all(
      makers.map(async (maker) => {
        for (let round = 0; round < 40; round++) {
          const { vmId } = await maker.call("create", {});
          assert.equal((await maker.call("get", vmId)).status, "created");
          if (round % 2 === 0) await maker.call("delete", vmId);
        }
      }),
    );
    isOver = true;
    assert.ok((await cleaning) > 3);
    assert.equal(manager.listVms().length, 60);
    await assertConsistent(manager);
    for (const { vmId } of manager.listVms()) await manager.delete(vmId);
  });

  test("removes files that belong to no VM, and keeps what belongs to one", async (t) => {
    const manager = testManager(t);
    await manager.create({ vmId: "mine" });
    mkdirSync(`${manager.dataDir}/vms/orphan`);
    writeFileSync(`${manager.dataDir}/disks/orphan.qcow2`, "");
    assert.deepEqual(await manager.reconcile(), []);
    await assertConsistent(manager);
    assert.equal(manager.get("mine").status, "created");
  });
});
