import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SmolVM } from "../../src/index.ts";
import { testManager } from "../support/vm-fixture.ts";

describe("a VM whose VMM is killed", () => {
  test("in the middle of a command: the call rejects, the VM is in error, and starts again with its disk", async (t) => {
    const manager = testManager(t);
    await using vm = await SmolVM.launch({ dataDir: manager.dataDir });
    await vm.run("echo kept > /root/note; sync");
    let output = "";
    const running = vm.run("echo begun; sleep 1000", {
      onStdout: (bytes) => {
        output += Buffer.from(bytes).toString();
        process.kill(vm.info.pid ?? 0, "SIGKILL");
      },
    });
    await assert.rejects(running, { name: "SmolVMError", code: "CHANNEL_BROKEN" });
    assert.equal(output, "begun\n");

    // The kernel closes the sockets of a killed process a moment before the process is gone: that moment must not show.
    assert.equal((await vm.refresh()).status, "error");
    assert.equal(vm.info.pid, null);
    assert.equal(vm.info.socketPath, null);
    assert.notEqual(vm.info.error, null);
    await assert.rejects(vm.run("true"), { code: "INVALID_STATE", message: /in state "error"/ });
    assert.deepEqual(await manager.reconcile(), [vm.vmId]);
    assert.deepEqual(await manager.reconcile(), []);
    assert.match((await vm.refresh()).info.error ?? "", /^the VMM ended unasked/);
    assert.deepEqual(
      manager.listVms({ status: "error" }).map(({ vmId }) => vmId),
      [vm.vmId],
    );

    await vm.start();
    assert.equal(vm.info.error, null);
    assert.equal((await vm.run("cat /root/note")).stdout, "kept\n");
  });

  test("while nobody looks: start() works without reconcile(), and so do stop() and delete()", async (t) => {
    const manager = testManager(t);
    const { vmId } = await manager.create();
    const crash = async (): Promise<void> => {
      process.kill((await manager.start(vmId)).pid ?? 0, "SIGKILL");
      while (manager.get(vmId).status !== "error") await sleep(5);
    };
    await crash();
    await crash();
    assert.equal((await manager.stop(vmId)).status, "stopped");
    assert.equal(manager.get(vmId).error, null);
    await crash();
    await manager.delete(vmId);
    assert.equal(existsSync(`${manager.diskDir}/${vmId}.qcow2`), false);
  });

  test("a guest that powers off by itself ends the VM, and its disk is whole", async (t) => {
    const manager = testManager(t);
    await using vm = await SmolVM.launch({ dataDir: manager.dataDir });
    await vm.run("echo kept > /root/note");
    // What poweroff(8) sends to the first process.
    const cut = await vm.run("kill -TERM 1; sleep 60").catch((error: unknown) => error);
    assert.ok(
      (cut as { code?: string; exitCode?: number }).code === "CHANNEL_BROKEN" || (cut as { ok?: boolean }).ok === false,
    );
    while ((await vm.refresh()).status === "running") await sleep(5);
    assert.equal(vm.status, "error");
    await vm.start();
    assert.equal((await vm.run("cat /root/note")).stdout, "kept\n");
  });
});
