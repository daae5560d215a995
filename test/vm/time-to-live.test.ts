import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SmolVM, SmolVMManager, type VMInfo } from "../../src/index.ts";
import { identifyProcess } from "../../src/process/process-identity.ts";
import { ClientProcess } from "../support/client-process.ts";
import { assertNothingLeft, filesIn } from "../support/data-dir-state.ts";
import { testDataDir, testManager } from "../support/vm-fixture.ts";

/** Time for a start and what a test does, on a machine that has more to do. */
const TTL_MS = 8_000;
/** The same for what happens at the end. */
const LATEST_MS = 3_000;

/** A data directory where VMs start from a template. */
async function warmDataDir(t: TestContext): Promise<string> {
  const dataDir = testDataDir(t);
  await using manager = new SmolVMManager({ dataDir });
  await manager.warm();
  return dataDir;
}

/** Asserts that the VMM of a VM ends by itself, not before the VM's time is up and soon after. */
async function assertEndsInTime(t: TestContext, { pid, expiresAt }: VMInfo): Promise<void> {
  const endMs = new Date(expiresAt ?? 0).getTime();
  while (identifyProcess(pid ?? 0) !== undefined && Date.now() < endMs + LATEST_MS) await sleep(10);
  const lateMs = Date.now() - endMs;
  t.diagnostic(`${lateMs} ms late`);
  assert.ok(lateMs >= 0 && lateMs < LATEST_MS, `${lateMs} ms`);
}

describe("a VM with ttlMs", () => {
  test("is deleted when its time is up, and what runs in it then says why it ended", async (t) => {
    const dataDir = await warmDataDir(t);
    const vm = await SmolVM.launch({ dataDir, ttlMs: TTL_MS });
    const { expiresAt, createdAt } = vm.info;
    assert.equal((expiresAt?.getTime() ?? 0) - createdAt.getTime(), TTL_MS);
    await assert.rejects(vm.run("sleep 100"), { code: "VM_NOT_FOUND", message: /its time \(ttlMs\) was up/ });
    const lateMs = Date.now() - (expiresAt?.getTime() ?? 0);
    assert.ok(lateMs >= 0 && lateMs < LATEST_MS, `${lateMs} ms`);
    await assert.rejects(vm.run("true"), { name: "VMNotFoundError" });
    await assert.rejects(vm.refresh(), { name: "VMNotFoundError" });
    await vm.close();
    await assertNothingLeft(dataDir);
  });

  test("is deleted also when it is stopped, or was never started", async (t) => {
    const manager = testManager(t);
    await manager.create({ vmId: "never", ttlMs: 1_000 });
    await sleep(1_200);
    assert.deepEqual(filesIn(manager.dataDir, "disks"), []);
    assert.deepEqual(manager.listVms(), []);
  });

  test("powers itself off when no process is left that could delete it, and reconcile removes the rest", async (t) => {
    const dataDir = await warmDataDir(t);
    await using client = await ClientProcess.start(dataDir);
    const info = await client.call("launch", { vmId: "vm", ttlMs: TTL_MS });
    await client.kill();
    await assertEndsInTime(t, info);
    assert.deepEqual(filesIn(dataDir, "vms"), ["vm"]);
    {
      await using manager = new SmolVMManager({ dataDir });
      assert.deepEqual(await manager.reconcile(), []);
    }
    await assertNothingLeft(dataDir);
  });

  test("powers itself off in time also when it was paused in between", async (t) => {
    const dataDir = await warmDataDir(t);
    await using client = await ClientProcess.start(dataDir);
    const info = await client.call("launch", { vmId: "vm", ttlMs: TTL_MS });
    {
      await using manager = new SmolVMManager({ dataDir });
      await manager.pause("vm");
      await sleep(1_500);
      await manager.resume("vm");
    }
    await client.kill();
    await assertEndsInTime(t, info);
    await using manager = new SmolVMManager({ dataDir });
    await manager.reconcile();
  });

  test("whose time was up while nobody looked is gone for whoever looks, and deleted by that", async (t) => {
    const dataDir = testDataDir(t);
    const expired = async (): Promise<void> => {
      await using client = await ClientProcess.start(dataDir);
      await client.call("create", { vmId: "vm", ttlMs: 1_000 });
      await client.kill();
      await sleep(1_100);
      assert.deepEqual(filesIn(dataDir, "vms"), ["vm"]);
    };
    const gone = { code: "VM_NOT_FOUND", message: /its time \(ttlMs\) was up/ };
    const looks: readonly ((manager: SmolVMManager) => unknown)[] = [
      (manager) => assert.deepEqual(manager.listVms(), []),
      (manager) => assert.throws(() => manager.get("vm"), gone),
      (manager) => assert.rejects(manager.start("vm"), gone),
      (manager) => assert.rejects(manager.channel("vm"), gone),
      (manager) => assert.rejects(SmolVM.fromId("vm", { dataDir: manager.dataDir }), gone),
      (manager) => manager.delete("vm"),
    ];
    for (const look of looks) {
      await expired();
      {
        await using manager = new SmolVMManager({ dataDir });
        await look(manager);
      }
      await assertNothingLeft(dataDir);
    }
    await expired();
    await using manager = new SmolVMManager({ dataDir });
    assert.equal((await manager.create({ vmId: "vm" })).expiresAt, null);
    await manager.delete("vm");
  });
});
