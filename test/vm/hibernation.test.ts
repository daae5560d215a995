import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SmolVM } from "../../src/index.ts";
import { ClientProcess } from "../support/client-process.ts";
import { assertNoProcess, assertNothingLeft } from "../support/data-dir-state.ts";
import { assertGoesOn, look, setScene } from "../support/guest-scene.ts";
import { testDataDir, testManager } from "../support/vm-fixture.ts";

const SHAPE = { memoryMiB: 160 } as const;

describe("a VM that is stopped with its memory", () => {
  const manager = testManager({ after });
  const { dataDir } = manager;
  before(() => manager.warm(SHAPE));
  afterEach(async () => {
    for (const { vmId } of manager.listVms()) await manager.delete(vmId);
  });

  test("costs no process, and goes on with all of its own, as itself", async () => {
    await using vm = await SmolVM.launch({ ...SHAPE, dataDir });
    const open = await setScene(vm);
    const exited = open.exited.catch((error: { code?: string }) => error.code);
    const own = "hostname; cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub /sys/class/net/eth0/address";
    const identity = (await vm.run(own)).stdout;
    const sight = await look(vm);
    await vm.stop({ keepMemory: true });
    assert.equal(await exited, "CHANNEL_BROKEN", "sessions end as with any stop");
    assert.deepEqual([vm.status, vm.info.pid], ["stopped", null]);
    await assertNoProcess(`${dataDir}/`);
    await vm.stop({ keepMemory: true });
    await vm.stop();
    await sleep(1_500);
    const asked = Date.now();
    await vm.start();
    assert.equal(vm.info.startedFrom, "hibernation");
    const { stdout } = await vm.run("date +%s%N");
    const guestMs = Number(BigInt(stdout.trim()) / 1_000_000n);
    assert.ok(guestMs >= asked - 50 && guestMs <= Date.now() + 50, "with the host's clock");
    await assertGoesOn(vm, sight);
    assert.equal((await vm.run(own)).stdout, identity);
  });

  test("can be put to sleep again and again, and its memory takes up no more room each time", async () => {
    await using vm = await SmolVM.launch({ ...SHAPE, dataDir });
    await vm.run("echo 0 > /root/round; echo 0 > /dev/shm/round");
    for (let round = 1; round <= 4; round++) {
      await vm.stop({ keepMemory: true });
      await vm.start();
      const next = `cat /root/round /dev/shm/round; echo ${round} > /root/round; echo ${round} > /dev/shm/round`;
      assert.equal((await vm.run(next)).stdout, `${round - 1}\n${round - 1}\n`);
    }
    const layers = readdirSync(join(dataDir, "layers")).filter((name) => name !== ".locks");
    assert.equal(layers.length, 1, "the memory that it runs on");
    assert.deepEqual(readdirSync(join(dataDir, "layers", layers[0] ?? "")).includes("pages"), false);
  });

  test("takes environment variables that are set while it sleeps", async () => {
    await using vm = await SmolVM.launch({ ...SHAPE, dataDir, env: { OLD: "1", GONE: "1" } });
    await vm.stop({ keepMemory: true });
    await vm.setEnv({ NEW: "2", OLD: "3" });
    await vm.unsetEnv("GONE");
    await vm.start();
    assert.equal((await vm.run("echo $OLD-$NEW-$GONE")).stdout, "3-2-\n");
  });

  test("gives its memory up for a cold start, and keeps what it had written", async () => {
    await using vm = await SmolVM.launch({ ...SHAPE, dataDir });
    await vm.run(
      "echo disk > /root/file; echo memory > /dev/shm/file; cat /proc/sys/kernel/random/boot_id > /root/boot",
    );
    await vm.stop({ keepMemory: true });
    await vm.start({ from: "cold" });
    assert.equal(vm.info.startedFrom, "cold");
    const { stdout } = await vm.run(
      "cat /root/file /dev/shm/file 2> /dev/null; cmp -s /root/boot /proc/sys/kernel/random/boot_id || echo booted",
    );
    assert.equal(stdout, "disk\nbooted\n");
    const layers = readdirSync(join(dataDir, "layers")).filter((name) => name !== ".locks");
    assert.deepEqual(layers, [], "its memory is gone");
    await vm.stop();
    await vm.start();
    assert.equal(vm.info.startedFrom, "cold", "it cannot come back");
  });

  test("stays paused when it was, and wakes running", async () => {
    await using vm = await SmolVM.launch({ ...SHAPE, dataDir });
    const open = await setScene(vm);
    const sight = await look(vm);
    await vm.pause();
    await vm.stop({ keepMemory: true });
    await vm.start();
    assert.equal(vm.status, "running");
    const now = await look(vm);
    assert.equal(now.digest, sight.digest);
    open.kill("SIGKILL");
  });

  test("is woken by another process, and after a restart of the host", async () => {
    await using vm = await SmolVM.launch({ ...SHAPE, dataDir });
    await vm.run("echo kept > /dev/shm/file");
    const read = async (): Promise<string> => (await vm.run("cat /dev/shm/file")).stdout;
    await vm.stop({ keepMemory: true });
    {
      await using client = await ClientProcess.start(dataDir);
      await client.call("start", vm.vmId);
    }
    await vm.refresh();
    assert.equal(await read(), "kept\n");
    await vm.stop({ keepMemory: true });
    // What a restart leaves: the files of the data directory, but for the sockets.
    rmSync(manager.socketDir, { recursive: true, force: true });
    await vm.start();
    assert.deepEqual([vm.info.startedFrom, await read()], ["hibernation", "kept\n"]);
  });

  test("which has crashed, or does not run, has none to keep", async () => {
    await using vm = await SmolVM.launch({ ...SHAPE, dataDir });
    process.kill(vm.info.pid ?? 0, "SIGKILL");
    while ((await vm.refresh()).status === "running") await sleep(5);
    await assert.rejects(vm.stop({ keepMemory: true }), { code: "INVALID_STATE", message: /in state "error"/ });
    await using created = await SmolVM.create({ ...SHAPE, dataDir });
    await created.stop({ keepMemory: true });
    assert.equal(created.status, "created");
  });
});

test("a VM that is deleted in its sleep leaves nothing", async (t) => {
  const dataDir = testDataDir(t);
  const vm = await SmolVM.launch({ ...SHAPE, dataDir });
  await vm.stop({ keepMemory: true });
  await vm.delete();
  await vm.close();
  await assertNothingLeft(dataDir);
});
