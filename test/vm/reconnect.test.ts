import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SmolVM, SmolVMManager } from "../../src/index.ts";
import { ClientProcess } from "../support/client-process.ts";
import { assertNothingLeft, processesNaming } from "../support/data-dir-state.ts";
import { testDataDir, testManager } from "../support/vm-fixture.ts";

describe("a VM and the processes that use it", () => {
  test("its VMM survives its creator, another process reconnects, and disposal there stops it and keeps it", async (t) => {
    const dataDir = testDataDir(t);
    let vmId: string;
    {
      await using creator = await ClientProcess.start(dataDir);
      const info = await creator.call("launch", {});
      vmId = info.vmId;
      await creator.call("run", vmId, "echo kept > /root/note");
      await creator.kill();
      assert.deepEqual(processesNaming(dataDir), [info.pid]);
    }
    {
      await using vm = await SmolVM.fromId(vmId, { dataDir });
      assert.equal(vm.status, "running");
      assert.equal((await vm.run("cat /root/note")).stdout, "kept\n");
    }
    assert.deepEqual(processesNaming(dataDir), []);
    {
      await using vm = await SmolVM.fromId(vmId, { dataDir });
      assert.equal(vm.status, "stopped");
      await vm.start();
      assert.equal((await vm.run("cat /root/note")).stdout, "kept\n");
      await vm.delete();
    }
  });

  test("a handle that is closed leaves its VM running", async (t) => {
    const manager = testManager(t);
    const vm = await SmolVM.launch({ dataDir: manager.dataDir });
    await vm.close();
    assert.equal(manager.get(vm.vmId).status, "running");
    await using again = await SmolVM.fromId(vm.vmId, { dataDir: manager.dataDir });
    assert.ok((await again.run("true")).ok);
  });

  test("what another process does to a VM is seen by its handles", async (t) => {
    const dataDir = testDataDir(t);
    await using vm = await SmolVM.launch({ dataDir });
    await using other = await ClientProcess.start(dataDir);
    await other.call("stop", vm.vmId);
    assert.equal(vm.status, "running", "the handle looks again when asked to");
    await assert.rejects(vm.run("true"), {
      name: "CommandExecutionUnavailableError",
      code: "INVALID_STATE",
      message: /in state "stopped"; allowed: "running"/,
      details: { vmId: vm.vmId, state: "stopped", allowed: ["running"] },
    });
    assert.equal((await vm.refresh()).status, "stopped");
    await other.call("start", vm.vmId);
    assert.ok((await vm.run("true")).ok, "a handle of before uses the channel of the new boot");
  });

  test("a VM that somebody else has deleted is no trouble for the handle that owns it", async (t) => {
    const dataDir = testDataDir(t);
    await using manager = new SmolVMManager({ dataDir });
    await using vm = await SmolVM.create({ dataDir });
    await manager.delete(vm.vmId);
    await assert.rejects(vm.start(), { name: "VMNotFoundError" });
    await assert.rejects(vm.refresh(), { name: "VMNotFoundError" });
    await vm.delete();
    await using second = await SmolVM.create({ dataDir });
    await using visitor = await SmolVM.fromId(second.vmId, { dataDir });
    await manager.delete(second.vmId);
    assert.equal(visitor.status, "created");
  });

  test("two data directories side by side have the same id without seeing each other", async (t) => {
    const [first, second] = [testDataDir(t), testDataDir(t)];
    {
      await using one = await SmolVM.launch({ dataDir: first, vmId: "same" });
      await using two = await SmolVM.launch({ dataDir: second, vmId: "same" });
      assert.notEqual(one.info.pid, two.info.pid);
      await one.run("echo one > /root/note");
      assert.equal((await two.run("cat /root/note")).exitCode, 1);
      await one.delete();
      assert.ok((await two.run("true")).ok);
    }
    await assertNothingLeft(first);
  });
});

describe("a command in a VM that does not run", () => {
  test("is refused with the state and what it must be", async (t) => {
    const manager = testManager(t);
    const vm = await SmolVM.create({ dataDir: manager.dataDir });
    const refusal = { name: "CommandExecutionUnavailableError", code: "INVALID_STATE", message: /state "created"/ };
    await assert.rejects(vm.run("true"), refusal);
    await assert.rejects(vm.waitForReady(), refusal);
    await vm.close();
  });
});
