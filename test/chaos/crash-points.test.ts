import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { TestContext } from "node:test";
import { SmolVM, SmolVMManager } from "../../src/index.ts";
import { ClientProcess } from "../support/client-process.ts";
import { assertConsistent, assertNothingLeft, filesIn } from "../support/data-dir-state.ts";
import { endPools, testDataDir, testManager } from "../support/vm-fixture.ts";

type Operation = "create" | "start" | "stop" | "delete" | "fillPool";

/** More changes than any operation makes. */
const MOST_POINTS = 90;

/**
 * Runs an operation again and again, killed right before its first, second, … change of the machine, until it gets
 * through; `prepare` makes what it works on, `check` looks at what a new process finds after `reconcile()`.
 */
async function crashEverywhere(
  t: TestContext,
  operation: Operation,
  prepare: (manager: SmolVMManager, vmId: string) => Promise<void>,
  check: (manager: SmolVMManager, vmId: string, point: number) => Promise<void>,
): Promise<void> {
  const dataDir = testDataDir(t);
  let points = 0;
  for (let isDone = false; !isDone;) {
    points++;
    assert.ok(points < MOST_POINTS, "the operation does not get through");
    const vmId = `vm-${points}`;
    {
      await using manager = new SmolVMManager({ dataDir });
      await prepare(manager, vmId);
    }
    {
      await using client = await ClientProcess.start(dataDir);
      const how = { crashAt: points };
      isDone =
        operation === "create"
          ? await client.interrupt(how, "create", { vmId })
          : operation === "fillPool"
            ? await client.interrupt(how, "fillPool")
            : await client.interrupt(how, operation, vmId);
    }
    await using manager = new SmolVMManager({ dataDir });
    await manager.reconcile();
    await assertConsistent(manager);
    await check(manager, vmId, points);
    await endPools(manager);
    for (const info of manager.listVms()) await manager.delete(info.vmId);
    await assertNothingLeft(dataDir);
  }
  t.diagnostic(`${points - 1} points`);
  assert.ok(points > 3, "the points are seen");
}

const created = async (manager: SmolVMManager, vmId: string): Promise<void> => {
  await manager.create({ vmId });
};

describe("a process killed right before each change that it makes", () => {
  test("to create a VM: it is there as a whole, or not at all", async (t) => {
    const nothing = async (): Promise<void> => {};
    await crashEverywhere(t, "create", nothing, async (manager, vmId) => {
      // The id is free again, or taken by a VM that works.
      if (manager.listVms().length === 0) await manager.create({ vmId });
      assert.equal(manager.get(vmId).status, "created");
    });
  });

  test("to create a VM: its id can be used again at once, without reconcile", async (t) => {
    const dataDir = testDataDir(t);
    for (let isDone = false, crashAt = 1; !isDone; crashAt++) {
      assert.ok(crashAt < MOST_POINTS, "the operation does not get through");
      {
        await using client = await ClientProcess.start(dataDir);
        isDone = await client.interrupt({ crashAt }, "create", { vmId: "vm" });
      }
      await using manager = new SmolVMManager({ dataDir });
      const again = manager.create({ vmId: "vm" });
      if (isDone) await assert.rejects(again, { name: "VMAlreadyExistsError" });
      else await again;
      await manager.delete("vm");
      await assertNothingLeft(dataDir);
    }
  });

  test("to delete a VM: it is gone, or there as a whole", async (t) => {
    await crashEverywhere(t, "delete", created, async (manager, vmId) => {
      if (manager.listVms().length > 0) assert.equal(manager.get(vmId).status, "created");
    });
  });

  test("to start a VM: no VMM is left that nobody knows, and the VM starts", async (t) => {
    let isStarted = false;
    await crashEverywhere(t, "start", created, async (manager, vmId, point) => {
      const { status } = manager.get(vmId);
      assert.ok(["created", "running"].includes(status), status);
      // Once is enough: a boot takes seconds.
      if (isStarted || point < 6) return;
      isStarted = true;
      assert.equal((await manager.start(vmId)).status, "running");
    });
    assert.ok(isStarted);
  });

  test("to start a VM from a template: no VMM is left that nobody knows, and the VM starts", async (t) => {
    const warm = async (manager: SmolVMManager, vmId: string): Promise<void> => {
      await manager.warm();
      // Larger than the template's disk, which is one step more.
      await manager.create({ vmId, diskMiB: 5_000 });
    };
    await crashEverywhere(t, "start", warm, async (manager, vmId) => {
      const { status } = manager.get(vmId);
      assert.ok(["created", "running"].includes(status), status);
      await using vm = await SmolVM.fromId(vmId, { dataDir: manager.dataDir });
      await vm.start();
      assert.ok(Number((await vm.run("df --output=size -m / | tail -1")).stdout) > 4_600);
    });
  });

  test("to start a VM from a pool: it has the waiting one or none, and no VMM is left that nobody knows", async (t) => {
    const waiting = async (manager: SmolVMManager, vmId: string): Promise<void> => {
      await manager.pool.set({ size: 1 });
      await manager.pool.fill();
      await manager.create({ vmId });
    };
    await crashEverywhere(t, "start", waiting, async (manager, vmId) => {
      const { status, startedFrom } = manager.get(vmId);
      const [pool] = manager.pool.list();
      if (status === "running") assert.deepEqual([startedFrom, pool?.ready], ["pool", 0]);
      else assert.equal(status, "created");
      await using vm = await SmolVM.fromId(vmId, { dataDir: manager.dataDir });
      await vm.start();
      assert.notEqual(vm.info.startedFrom, "cold", "its disk is as good as new");
      assert.equal((await vm.run("hostname")).stdout, `${vmId}\n`);
      await assertConsistent(manager);
    });
  });

  test("to fill a pool: every VM in it can be claimed, and no VMM is left that nobody knows", async (t) => {
    const empty = async (manager: SmolVMManager): Promise<void> => {
      await manager.warm();
      await manager.pool.set({ size: 1 });
    };
    await crashEverywhere(t, "fillPool", empty, async (manager) => {
      if (manager.pool.list()[0]?.ready === 0) return;
      await using vm = await SmolVM.launch({ dataDir: manager.dataDir, from: "pool" });
      assert.equal((await vm.run("echo hello")).stdout, "hello\n");
    });
  });

  test("to start a VM whose VMM had died: no VMM is left that nobody knows", async (t) => {
    const crashed = async (manager: SmolVMManager, vmId: string): Promise<void> => {
      await manager.create({ vmId });
      // What the state holds after a crash that nobody has looked at.
      const { pid } = await manager.start(vmId);
      process.kill(pid ?? 0, "SIGKILL");
      while (manager.get(vmId).status === "running") await new Promise((resolve) => setTimeout(resolve, 5));
    };
    const dataDir = testDataDir(t);
    for (const point of [6, 7, 8, 9, 10]) {
      await using manager = new SmolVMManager({ dataDir });
      await crashed(manager, "vm");
      {
        await using client = await ClientProcess.start(dataDir);
        assert.equal(await client.interrupt({ crashAt: point }, "start", "vm"), false);
      }
      await manager.reconcile();
      assert.notEqual(manager.get("vm").status, "running");
      await manager.delete("vm");
      await assertNothingLeft(dataDir);
    }
  });

  test("to stop a VM: it stays running or is stopped, and its disk is whole", async (t) => {
    const running = async (manager: SmolVMManager, vmId: string): Promise<void> => {
      // Once: a VM that boots for each point takes minutes in sum.
      await manager.warm();
      await manager.create({ vmId });
      await manager.start(vmId);
    };
    const dataDir = testDataDir(t);
    let isDone = false;
    for (let point = 1; !isDone; point++) {
      await using manager = new SmolVMManager({ dataDir });
      await running(manager, "vm");
      {
        await using client = await ClientProcess.start(dataDir);
        isDone = await client.interrupt({ crashAt: point }, "stop", "vm");
      }
      await manager.reconcile();
      assert.ok(["running", "stopped", "error"].includes(manager.get("vm").status));
      await manager.stop("vm");
      assert.equal(manager.get("vm").status, "stopped");
      await manager.delete("vm");
      await assertNothingLeft(dataDir);
    }
  });

  test("to create a VM on a disk that was kept: what is on that disk is not lost", async (t) => {
    const manager = testManager(t);
    const { dataDir } = manager;
    await manager.create({ vmId: "keeper", retainDiskOnDelete: true });
    await manager.delete("keeper");
    assert.deepEqual(filesIn(dataDir, "disks"), ["keeper.qcow2"]);
    let isDone = false;
    for (let point = 1; !isDone; point++) {
      await using client = await ClientProcess.start(dataDir);
      isDone = await client.interrupt({ crashAt: point }, "create", { vmId: "keeper", retainDiskOnDelete: true });
      await client.kill();
      await manager.reconcile();
      assert.deepEqual(filesIn(dataDir, "disks"), ["keeper.qcow2"], `point ${point}`);
      if (manager.listVms().length > 0) await manager.delete("keeper");
      assert.deepEqual(filesIn(dataDir, "disks"), ["keeper.qcow2"], `point ${point}, deleted`);
    }
    // A last VM that does not ask to keep the disk.
    await using vm = await SmolVM.create({ dataDir, vmId: "keeper" });
    assert.equal(vm.status, "created");
  });
});
