import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SmolVM, type SmolVMManager, type VMInfo } from "../../src/index.ts";
import { ClientProcess } from "../support/client-process.ts";
import { assertNoProcess, filesIn, processesNaming } from "../support/data-dir-state.ts";
import { testManager } from "../support/vm-fixture.ts";

/** What each round of a test does to one VM before its program is killed. */
type Method = "create" | "start" | "stop" | "delete";

/** Has another process begin an operation and kills it (not the VM) after `delayMs`. */
async function killDuring(dataDir: string, method: Method, vmId: string, delayMs: number): Promise<void> {
  await using client = await ClientProcess.start(dataDir);
  void (method === "create" ? client.settle("create", { vmId }) : client.settle(method, vmId));
  await sleep(delayMs);
  await client.kill();
}

/** After `reconcile`, records, files and processes must tell the same story. */
function assertConsistent(manager: SmolVMManager): readonly VMInfo[] {
  const vms = manager.listVms();
  const ids = vms.map(({ vmId }) => vmId).toSorted((a, b) => a.localeCompare(b));
  const sorted = (names: string[]): string[] => names.toSorted((a, b) => a.localeCompare(b));
  assert.deepEqual(sorted(filesIn(manager.dataDir, "vms")), ids, "each VM has its directory, and nothing else has");
  assert.deepEqual(
    sorted(filesIn(manager.dataDir, "disks")),
    sorted(ids.map((id) => `${id}.qcow2`)),
    "each VM has its disk, and nothing else has",
  );
  const running = vms.flatMap(({ pid }) => (pid === null ? [] : [pid]));
  const numbers = (pids: readonly number[]): number[] => pids.toSorted((a, b) => a - b);
  assert.deepEqual(numbers(processesNaming(manager.dataDir)), numbers(running), "each VMM belongs to a VM");
  return vms;
}

async function afterReconcile(t: TestContext, manager: SmolVMManager): Promise<readonly VMInfo[]> {
  const marked = await manager.reconcile();
  const vms = assertConsistent(manager);
  t.diagnostic(`${vms.map(({ status }) => status).join(", ") || "no VM"}; marked: ${marked.join(", ") || "none"}`);
  return vms;
}

test("a program killed while it creates leaves a whole VM or none", async (t) => {
  const manager = testManager(t);
  for (let round = 0; round < 25; round++) {
    await killDuring(manager.dataDir, "create", `c${round}`, Math.random() * 25);
  }
  for (const { status } of await afterReconcile(t, manager)) assert.equal(status, "created");
});

test("a program killed while it deletes leaves a whole VM or none", async (t) => {
  const manager = testManager(t);
  for (let round = 0; round < 25; round++) await manager.create({ vmId: `d${round}` });
  for (let round = 0; round < 25; round++) {
    await killDuring(manager.dataDir, "delete", `d${round}`, Math.random() * 15);
  }
  for (const { status } of await afterReconcile(t, manager)) assert.equal(status, "created");
});

test("a program killed while it starts a VM leaves it down or running, and it can be used", async (t) => {
  const manager = testManager(t);
  const delays = [0, 5, 15, 40, 120, 400, 1_200, 1_700, 2_000];
  for (const [round, delayMs] of delays.entries()) {
    const vmId = `s${round}`;
    await manager.create({ vmId });
    await killDuring(manager.dataDir, "start", vmId, delayMs);
    const [vm] = await afterReconcile(t, manager);
    assert.ok(vm?.status === "created" || vm?.status === "running", `it is ${vm?.status} after ${delayMs} ms`);
    // One is enough to see that such a VM starts; each costs a boot.
    if (vm.status === "running" || delayMs === 400) {
      const again = await SmolVM.fromId(vmId, { dataDir: manager.dataDir });
      await again.start();
      assert.equal((await again.run("hostname")).stdout, `${vmId}\n`);
      await again.close();
    }
    await manager.delete(vmId);
  }
});

test("a program killed while it stops a VM leaves it running or down, with what it had written", async (t) => {
  const manager = testManager(t);
  const vmId = "stopped";
  await manager.create({ vmId });
  for (const delayMs of [0, 10, 30, 80]) {
    await manager.start(vmId);
    {
      const vm = await SmolVM.fromId(vmId, { dataDir: manager.dataDir });
      await vm.run(`echo ${delayMs} > /root/written; sync`);
      await vm.close();
    }
    await killDuring(manager.dataDir, "stop", vmId, delayMs);
    // The guest may be on its way down, which nobody waits for any more.
    await sleep(500);
    await manager.reconcile();
    await manager.start(vmId);
    const vm = await SmolVM.fromId(vmId, { dataDir: manager.dataDir });
    assert.equal((await vm.run("cat /root/written")).stdout, `${delayMs}\n`);
    await vm.close();
  }
  assertConsistent(manager);
});

test("a program killed while it deletes a running VM leaves no VMM once reconcile has run", async (t) => {
  const manager = testManager(t);
  for (const delayMs of [0, 3, 8]) {
    const vmId = `r${delayMs}`;
    await manager.create({ vmId });
    await manager.start(vmId);
    await killDuring(manager.dataDir, "delete", vmId, delayMs);
    for (const vm of await afterReconcile(t, manager)) await manager.delete(vm.vmId);
    await assertNoProcess(manager.dataDir);
  }
});

test("reconcile may run in several processes at once, while others create and delete", async (t) => {
  const manager = testManager(t);
  await using clients = await ClientProcess.startMany(6, manager.dataDir);
  const [first, second, ...workers] = clients.all;
  let done = false;
  const reconcileUntilDone = async (client: ClientProcess | undefined): Promise<void> => {
    while (!done) assert.deepEqual(await client?.call("reconcile"), []);
  };
  const work = async (client: ClientProcess, worker: number): Promise<void> => {
    for (let round = 0; round < 10; round++) {
      const vmId = `w${worker}-${round}`;
      await client.call("create", { vmId });
      if (round % 2 === 0) await client.call("delete", vmId);
    }
  };
  const reconciling = [reconcileUntilDone(first), reconcileUntilDone(second)];
  await Promise.all(workers.map(work)).finally(() => {
    done = true;
  });
  await Promise.all(reconciling);
  await Promise.all(clients.all.map((client) => client.kill()));
  assert.equal(assertConsistent(manager).length, workers.length * 5);
});
