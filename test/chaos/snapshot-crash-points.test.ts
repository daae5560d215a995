import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import type { TestContext } from "node:test";
import { SmolVM, type SmolVMManager } from "../../src/index.ts";
import { ClientProcess } from "../support/client-process.ts";
import { assertConsistent } from "../support/data-dir-state.ts";
import { testManager } from "../support/vm-fixture.ts";

const SHAPE = { memoryMiB: 128 } as const;
/** More changes than any operation makes. */
const MOST_POINTS = 150;
/** Every so many points one is tried, from a random one on, as each takes seconds; all of them with SMOLVM_CHAOS=all. */
const STRIDE = process.env["SMOLVM_CHAOS"] === "all" ? 1 : 7;
/** In memory and on disk: what must not be lost, and a process that counts. */
const FILL = "echo $0 > /root/mark; echo $0 > /dev/shm/mark; sync";
const COUNT = "i=0; while :; do i=$((i+1)); echo $i > /dev/shm/count; sleep 0.05; done";

interface Crash {
  /** What is to be done in the process that is killed. */
  readonly act: (client: ClientProcess, how: { readonly crashAt: number }, id: string) => Promise<boolean>;
  /** Brings the VM to where the operation begins; returns what the operation is given. */
  readonly prepare: (manager: SmolVMManager) => Promise<string>;
  /** What a new process finds after `reconcile()`. */
  readonly check: (manager: SmolVMManager, isDone: boolean) => Promise<void>;
}

/** Runs an operation again and again, killed right before one of its changes of the machine, until it gets through. */
async function crash(t: TestContext, manager: SmolVMManager, { act, prepare, check }: Crash): Promise<void> {
  const { dataDir } = manager;
  let isDone = false;
  let point = 1 + Math.floor(Math.random() * STRIDE);
  let count = 0;
  for (; !isDone; point += STRIDE, count++) {
    assert.ok(point < MOST_POINTS, "the operation gets through");
    const id = await prepare(manager);
    {
      await using client = await ClientProcess.start(dataDir);
      isDone = await act(client, { crashAt: point }, id);
    }
    try {
      assert.deepEqual(await manager.reconcile(), [], "no VM is lost");
      await assertConsistent(manager);
      await check(manager, isDone);
      await manager.reconcile();
      await assertConsistent(manager);
    } catch (cause) {
      throw new Error(`killed before change ${point}: ${(cause as Error).message}`, { cause });
    }
  }
  t.diagnostic(`${count} of ${point - STRIDE} points`);
  assert.ok(point > 7 && count > 0, "the points are seen");
}

async function see(manager: SmolVMManager, vmId: string, mark: string): Promise<void> {
  const vm = await SmolVM.fromId(vmId, { dataDir: manager.dataDir });
  try {
    const { stdout } = await vm.run("cat /root/mark /dev/shm/mark");
    assert.equal(stdout, `${mark}\n${mark}\n`, `what ${vmId} holds`);
    const counted = "a=$(cat /dev/shm/count); until [ $(cat /dev/shm/count) -gt $a ]; do sleep 0.02; done";
    assert.ok((await vm.run(counted, { timeoutMs: 20_000 })).ok, "its processes go on");
  } finally {
    await vm.close();
  }
}

/** Deletes all, but for one VM. */
async function clear(manager: SmolVMManager, vmId?: string): Promise<void> {
  for (const info of manager.listVms()) if (info.vmId !== vmId) await manager.delete(info.vmId);
  for (const { id } of manager.listSnapshots()) await manager.deleteSnapshot(id);
}

describe("a process killed right before each change that it makes", () => {
  const manager = testManager({ after });
  const { dataDir } = manager;
  before(() => manager.warm(SHAPE));
  afterEach(() => clear(manager));

  async function running(vmId: string): Promise<void> {
    const vm = await SmolVM.launch({ ...SHAPE, dataDir, vmId });
    await vm.run(["sh", "-c", FILL, vmId]);
    await vm.spawn(COUNT, { detached: true });
    await vm.run("until [ -s /dev/shm/count ]; do sleep 0.02; done");
    await vm.close();
  }

  /** A snapshot is there and can be used, or it is not. */
  async function checkSnapshots(vmId: string, isDone: boolean): Promise<void> {
    const snapshots = manager.listSnapshots();
    assert.ok(snapshots.length <= 1 && (!isDone || snapshots.length === 1));
    for (const { id, includesMemory } of snapshots) {
      const { vmId: copy } = await manager.restore(id);
      if (includesMemory) await see(manager, copy, vmId);
    }
  }

  test("to make a snapshot of a running VM: the VM runs, and the snapshot is whole or not there", async (t) => {
    await running("snapped");
    await crash(t, manager, {
      prepare: async () => "snapped",
      act: (client, how) => client.interrupt(how, "snapshot", "snapped", {}),
      check: async (_manager, isDone) => {
        assert.equal(manager.get("snapped").status, "running");
        await see(manager, "snapped", "snapped");
        await checkSnapshots("snapped", isDone);
        await clear(manager, "snapped");
      },
    });
    await manager.stop("snapped");
    await manager.start("snapped");
    const vm = await SmolVM.fromId("snapped", { dataDir });
    assert.equal((await vm.run("cat /root/mark; dmesg | grep -ci 'ext4.*error'")).stdout, "snapped\n0\n");
    await vm.close();
    await manager.delete("snapped");
  });

  test("to make a snapshot of a paused VM: it stays paused", async (t) => {
    await running("paused");
    await manager.pause("paused");
    await crash(t, manager, {
      prepare: async () => "paused",
      act: (client, how) => client.interrupt(how, "snapshot", "paused", {}),
      check: async (_manager, isDone) => {
        assert.equal(manager.get("paused").status, "paused");
        await checkSnapshots("paused", isDone);
        await clear(manager, "paused");
      },
    });
    await manager.resume("paused");
    await see(manager, "paused", "paused");
    await manager.delete("paused");
  });

  test("to make a snapshot of a stopped VM: its disk is whole, and the snapshot is so or not there", async (t) => {
    await running("stopped");
    await manager.stop("stopped");
    await crash(t, manager, {
      prepare: async () => "stopped",
      act: (client, how) => client.interrupt(how, "snapshot", "stopped", {}),
      check: async (_manager, isDone) => {
        assert.equal(manager.get("stopped").status, "stopped");
        assert.ok(manager.listSnapshots().length <= 1 && (!isDone || manager.listSnapshots().length === 1));
        if (isDone) {
          await manager.start("stopped");
          const vm = await SmolVM.fromId("stopped", { dataDir });
          assert.equal((await vm.run("cat /root/mark")).stdout, "stopped\n");
          await vm.close();
        }
        await clear(manager, "stopped");
      },
    });
    await manager.delete("stopped");
  });

  test("to fork a VM: it runs, and of its forks no half is left", async (t) => {
    await running("forked");
    await crash(t, manager, {
      prepare: async () => "forked",
      act: (client, how) => client.interrupt(how, "fork", "forked", { names: ["fork-a", "fork-b"] }),
      check: async (_manager, isDone) => {
        await see(manager, "forked", "forked");
        const forks = manager.listVms().filter(({ vmId }) => vmId !== "forked");
        if (isDone)
          assert.deepEqual(
            forks.map(({ status }) => status),
            ["running", "running"],
          );
        for (const { vmId, status } of forks) {
          assert.ok(status === "running" || status === "created", status);
          await manager.start(vmId);
          await see(manager, vmId, "forked");
        }
        await clear(manager, "forked");
      },
    });
    await manager.delete("forked");
  });

  test("to restore a VM: it is there, or not at all, and the snapshot stays whole", async (t) => {
    await running("origin");
    const { id } = await manager.snapshot("origin");
    await manager.delete("origin");
    await crash(t, manager, {
      prepare: async () => id,
      act: (client, how) => client.interrupt(how, "restore", id, { vmId: "copy" }),
      check: async (_manager, isDone) => {
        const copies = manager.listVms();
        assert.ok(!isDone || copies.length === 1);
        for (const { vmId } of copies) {
          await manager.start(vmId);
          await see(manager, vmId, "origin");
          await manager.delete(vmId);
        }
        await manager.restore(id, { vmId: "again" });
        await see(manager, "again", "origin");
        await manager.delete("again");
      },
    });
    await manager.deleteSnapshot(id);
  });

  test("to put a VM to sleep and to wake it: it sleeps or runs, with its memory", async (t) => {
    await running("sleeper");
    const wakesWhole = async (): Promise<void> => {
      const { status } = manager.get("sleeper");
      assert.ok(status === "running" || status === "stopped", status);
      if (status === "stopped") assert.equal((await manager.start("sleeper")).startedFrom, "hibernation");
      await see(manager, "sleeper", "sleeper");
    };
    await crash(t, manager, {
      prepare: async () => "sleeper",
      act: (client, how) => client.interrupt(how, "hibernate", "sleeper"),
      check: wakesWhole,
    });
    await crash(t, manager, {
      prepare: async () => {
        await manager.stop("sleeper", { keepMemory: true });
        return "sleeper";
      },
      act: (client, how) => client.interrupt(how, "start", "sleeper"),
      check: wakesWhole,
    });
    await manager.stop("sleeper");
    await manager.start("sleeper");
    const vm = await SmolVM.fromId("sleeper", { dataDir });
    assert.equal((await vm.run("cat /root/mark; dmesg | grep -ci 'ext4.*error'")).stdout, "sleeper\n0\n");
    await vm.close();
    await manager.delete("sleeper");
  });

  test("to pause and to resume a VM: it does what its record says", async (t) => {
    await running("pausing");
    const check = async (): Promise<void> => {
      const { status } = manager.get("pausing");
      assert.ok(status === "running" || status === "paused", status);
      if (status === "paused") await manager.resume("pausing");
      await see(manager, "pausing", "pausing");
    };
    const stride = (method: "pause" | "resume"): Crash => ({
      prepare: async () => {
        if (method === "resume") await manager.pause("pausing");
        return "pausing";
      },
      act: (client, how) => client.interrupt(how, method, "pausing"),
      check,
    });
    for (const method of ["pause", "resume"] as const) await crash(t, manager, stride(method));
    await manager.delete("pausing");
  });

  test("to delete a snapshot: it is gone or whole, and a VM made from it goes on", async (t) => {
    await running("kept");
    await crash(t, manager, {
      prepare: async () => {
        const { id } = await manager.snapshot("kept");
        await manager.restore(id, { vmId: "user" });
        return id;
      },
      act: (client, how, id) => client.interrupt(how, "deleteSnapshot", id),
      check: async (_manager, isDone) => {
        await see(manager, "user", "kept");
        for (const { id } of manager.listSnapshots()) {
          assert.ok(!isDone);
          await manager.restore(id, { vmId: "another" });
          await see(manager, "another", "kept");
        }
        await clear(manager, "kept");
      },
    });
    await manager.delete("kept");
  });
});
