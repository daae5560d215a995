import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { SmolVM, VMState } from "../../src/index.ts";
import { assertNothingLeft, processesNaming } from "../support/data-dir-state.ts";
import { testDataDir, testManager } from "../support/vm-fixture.ts";

describe("the life of a VM", () => {
  test("created, running, stopped and running again, with the file that was written before", async (t) => {
    const dataDir = testDataDir(t);
    await using vm = await SmolVM.create({ dataDir });
    assert.equal(vm.status, VMState.CREATED);
    assert.equal(vm.info.pid, null);
    assert.equal(vm.info.socketPath, null);
    assert.equal(vm.info.startedAt, null);
    assert.deepEqual(vm.info.startPhases, []);

    assert.equal(await vm.start(), vm, "start() can be chained");
    assert.equal(vm.status, VMState.RUNNING);
    const firstPid = vm.info.pid;
    assert.ok(firstPid !== null && processesNaming(dataDir).includes(firstPid));
    assert.ok((await vm.run("echo kept > /root/note")).ok);
    await vm.start();
    assert.equal(vm.info.pid, firstPid, "a running VM is not started again");

    // Nothing syncs in between: stop() does.
    await vm.stop();
    assert.equal(vm.status, VMState.STOPPED);
    assert.equal(vm.info.pid, null);
    assert.deepEqual(processesNaming(dataDir), []);
    await vm.stop();
    assert.equal(vm.status, VMState.STOPPED);

    await vm.start();
    assert.notEqual(vm.info.pid, firstPid);
    assert.equal((await vm.run("cat /root/note")).stdout, "kept\n");
    await vm.delete();
    await vm.delete();
    await vm.close();
    await vm.close();
  });

  test("the console's log is appended to over boots, never truncated", async (t) => {
    const manager = testManager(t);
    const { vmId } = await manager.create({ bootArgs: "console=ttyS0 panic=-1" });
    const { console: path } = manager.logPaths(vmId);
    await manager.start(vmId);
    await manager.stop(vmId);
    const first = readFileSync(path, "utf8");
    assert.match(first, /Linux version/);
    await manager.start(vmId);
    const both = readFileSync(path, "utf8");
    assert.ok(both.startsWith(first));
    assert.match(both.slice(first.length), /Linux version/);
  });

  test("`await using` of a launched VM leaves no process, file, socket or record", async (t) => {
    const dataDir = testDataDir(t);
    {
      await using vm = await SmolVM.launch({ dataDir });
      assert.equal(vm.status, VMState.RUNNING);
      assert.deepEqual(processesNaming(dataDir), [vm.info.pid]);
    }
    await assertNothingLeft(dataDir);
  });
});
