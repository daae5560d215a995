import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type PoolOptions, SmolVM, type SmolVMManager } from "../../src/index.ts";
import { runCli } from "../support/cli.ts";
import { ClientProcess } from "../support/client-process.ts";
import { assertConsistent, filesIn } from "../support/data-dir-state.ts";
import { testManager } from "../support/vm-fixture.ts";

/** A manager of a data directory of its own with a pool that is full. */
async function managerWithPool(t: TestContext, options: PoolOptions): Promise<SmolVMManager> {
  const manager = testManager(t);
  await manager.pool.set(options);
  const { made, isFull } = await manager.pool.fill();
  assert.deepEqual([made, isFull], [options.size, true]);
  return manager;
}

interface Member {
  readonly id: string;
  readonly pid: number;
}

function membersOf({ dataDir }: SmolVMManager): readonly Member[] {
  const database = new DatabaseSync(join(dataDir, "smolvm.db"));
  try {
    const rows = database.prepare("SELECT id, pid FROM vms WHERE pool IS NOT NULL ORDER BY created_at, id").all();
    return rows.map((row) => ({ id: String(row["id"]), pid: Number(row["pid"]) }));
  } finally {
    database.close();
  }
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 40_000;
  while (!isSo()) {
    assert.ok(performance.now() < deadlineMs, what);
    await sleep(50);
  }
}

describe("a VM that starts from a pool", () => {
  test("says so, and is nobody but itself, before and after it is stopped", async (t) => {
    const manager = await managerWithPool(t, { size: 1 });
    const { dataDir } = manager;
    assert.deepEqual(manager.listVms(), [], "VMs that wait are not listed");
    assert.deepEqual(
      manager.pool.list().map(({ image, size, ready }) => [image, size, ready]),
      [["debian", 1, 1]],
    );
    const [member] = membersOf(manager);
    await using vm = await SmolVM.launch({ dataDir, vmId: "from-pool", env: { GREETING: "it's me" } });
    assert.equal(vm.info.startedFrom, "pool");
    assert.equal(vm.info.pid, member?.pid);
    assert.deepEqual(
      vm.info.startPhases.map(({ name }) => name),
      ["claim", "resume", "connect", "configure"],
    );
    const before = Date.now();
    const { stdout } = await vm.run(
      "hostname; cat /etc/hostname; echo $GREETING; cat /sys/class/net/eth0/address; date +%s%3N; env; ip -4 -o a",
    );
    const [host, name, greeting, mac, guestMs, ...rest] = stdout.split("\n");
    assert.deepEqual([host, name, greeting, mac], ["from-pool", "from-pool", "it's me", vm.info.network?.guestMac]);
    assert.ok(Math.abs(Number(guestMs) - before) < 2_000, `${guestMs} is about ${before}`);
    assert.doesNotMatch(rest.join("\n"), /TOUCHED/);
    assert.match(rest.join("\n"), /eth0 +inet 10\.0\.2\.15\/24/);
    assert.equal(
      (await vm.run("grep -rls -e touched -e pool- /etc/hostname /etc/hosts /etc/ssh /run/smolvm")).stdout,
      "",
    );
    assert.deepEqual(
      manager.listVms().map(({ vmId }) => vmId),
      ["from-pool"],
    );
    assert.deepEqual(membersOf(manager), []);
    await vm.run("echo kept > /root/note");
    const machineId = (await vm.run("cat /etc/machine-id")).stdout;
    await vm.stop();
    await vm.start();
    assert.equal(vm.info.startedFrom, "cold");
    assert.equal((await vm.run("cat /root/note /etc/machine-id; hostname")).stdout, `kept\n${machineId}from-pool\n`);
    await assertConsistent(manager);
  });

  test("shares nothing with the others that must differ", async (t) => {
    const count = 4;
    const { dataDir } = await managerWithPool(t, { size: count, network: "none" });
    const vms = await Promise.all(
      Array.from({ length: count }, () => SmolVM.launch({ dataDir, network: "none", from: "pool" })),
    );
    try {
      const script = `head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n'; echo
        python3 -c 'import os; print(os.urandom(32).hex())'
        cat /etc/machine-id; hostname; cat /etc/ssh/*.pub`;
      const answers = await Promise.all(vms.map(async (vm) => (await vm.run(script)).stdout.trim().split("\n")));
      for (const line of [0, 1, 2, 3, 4]) {
        const values = answers.map((lines) => lines[line]);
        assert.ok(values.every((value) => value !== undefined && value !== ""));
        assert.equal(new Set(values).size, count, `line ${line} differs: ${values.join(" ")}`);
      }
    } finally {
      for (const vm of vms) await vm[Symbol.asyncDispose]();
    }
  });

  test("can be forked, kept as a snapshot and hibernated like any other", async (t) => {
    const manager = await managerWithPool(t, { size: 1 });
    const { dataDir } = manager;
    await using vm = await SmolVM.launch({ dataDir, vmId: "claimed", from: "pool" });
    await vm.run("echo mine > /root/note; echo here > /run/note");
    const [fork] = await vm.fork();
    assert.ok(fork?.status === "fulfilled");
    {
      await using child = fork.value;
      assert.equal((await child.run("cat /root/note /run/note")).stdout, "mine\nhere\n");
    }
    const { id } = await vm.snapshot();
    await vm.stop({ keepMemory: true });
    await manager.reconcile();
    await vm.start();
    assert.equal(vm.info.startedFrom, "hibernation");
    assert.equal((await vm.run("cat /root/note /run/note")).stdout, "mine\nhere\n");
    {
      await using copy = await SmolVM.fromSnapshot(id, { dataDir });
      assert.equal((await copy.run("cat /root/note /run/note; hostname")).stdout, `mine\nhere\n${copy.vmId}\n`);
    }
    await manager.deleteSnapshot(id);
  });

  test("has the disk that it asked for", async (t) => {
    const { dataDir } = await managerWithPool(t, { size: 1, diskMiB: 6_000 });
    await assert.rejects(SmolVM.launch({ dataDir, from: "pool" }), { code: "POOL_EMPTY" });
    await using vm = await SmolVM.launch({ dataDir, from: "pool", diskMiB: 6_000 });
    assert.ok(Number((await vm.run("df --output=size -m / | tail -1")).stdout) > 5_500);
  });

  test("is one of ten processes' own: a pool of five serves five of ten", async (t) => {
    const manager = await managerWithPool(t, { size: 5 });
    const members = membersOf(manager).map(({ pid }) => pid);
    await using clients = await ClientProcess.startMany(10, manager.dataDir);
    const infos = await Promise.all(clients.all.map((client) => client.call("launch", {})));
    const claimed = infos.filter(({ startedFrom }) => startedFrom === "pool");
    assert.deepEqual(new Set(claimed.map(({ pid }) => pid)), new Set(members));
    assert.equal(infos.filter(({ startedFrom }) => startedFrom === "template").length, 5);
    assert.equal(new Set(infos.map(({ pid }) => pid)).size, 10);
    await assertConsistent(manager);
  });
});

describe("a pool", () => {
  test("that is empty leaves a VM to start another way, or says so", async (t) => {
    const manager = await managerWithPool(t, { size: 1 });
    await manager.pool.drain();
    assert.equal(manager.pool.list()[0]?.ready, 0);
    await using vm = await SmolVM.create({ dataDir: manager.dataDir });
    await assert.rejects(vm.start({ from: "pool" }), { code: "POOL_EMPTY" });
    assert.equal(vm.status, "created");
    await vm.start();
    assert.equal(vm.info.startedFrom, "template");
  });

  test("loses VMs that died or hang without a start's failing, and those of an earlier template", async (t) => {
    const manager = await managerWithPool(t, { size: 3 });
    const { dataDir } = manager;
    const [dead, hanging, good] = membersOf(manager);
    assert.ok(dead !== undefined && hanging !== undefined && good !== undefined);
    process.kill(dead.pid, "SIGKILL");
    process.kill(hanging.pid, "SIGSTOP");
    {
      await using vm = await SmolVM.launch({ dataDir, from: "pool" });
      assert.equal(vm.info.pid, good.pid);
    }
    assert.deepEqual(
      membersOf(manager).map(({ id }) => id),
      [dead.id],
    );
    assert.deepEqual(await manager.reconcile(), [], "its death is nobody's");
    assert.deepEqual(membersOf(manager), []);
    await manager.pool.fill();
    const database = new DatabaseSync(join(dataDir, "smolvm.db"));
    const [old] = membersOf(manager);
    database.prepare("UPDATE vms SET template = 'a-template-of-yesterday' WHERE id = ?").run(old?.id ?? "");
    database.close();
    await manager.pool.fill();
    const ids = membersOf(manager).map(({ id }) => id);
    assert.equal(ids.length, 3);
    assert.ok(!ids.includes(old?.id ?? ""));
    await assertConsistent(manager);
  });

  test("becomes smaller at once, and its VMs do not keep an image", async (t) => {
    const manager = await managerWithPool(t, { size: 2 });
    const [first] = membersOf(manager);
    await manager.pool.set({ size: 1 });
    assert.deepEqual(membersOf(manager), [first]);
    const { manifest } = await manager.images.resolve("debian");
    assert.deepEqual(manager.imageUsers(manifest.id), []);
    assert.deepEqual(await manager.releaseImage(manifest.id), []);
    assert.deepEqual(membersOf(manager), []);
    assert.equal(manager.pool.list()[0]?.size, 1, "it is filled again with the next image of its name");
  });

  test("is refused for an image that is not there", async (t) => {
    const manager = testManager(t);
    await assert.rejects(manager.pool.set({ image: "nowhere", size: 1 }), { code: "IMAGE_NOT_FOUND" });
    await assert.rejects(manager.pool.set({ size: -1 }), { code: "INVALID_OPTION" });
    assert.deepEqual(manager.pool.list(), []);
    await manager.pool.set({ image: "nowhere", size: 0 });
  });
});

describe("in the background", () => {
  const env = { SMOLVM_BACKGROUND: "on" };

  test("pools are filled, and filled again after a claim", async (t) => {
    const manager = testManager(t);
    const { dataDir } = manager;
    const set = await runCli(dataDir, ["pool", "set", "--size", "1", "--json"], env);
    assert.equal(set.exitCode, 0, set.stderr);
    const ready = (): number | undefined => manager.pool.list()[0]?.ready;
    await until("the pool is filled", () => ready() === 1);
    const [first] = membersOf(manager);
    const ran = await runCli(dataDir, ["run", "--rm", "--", "hostname"], env);
    assert.match(ran.stdout, /^sbx-/);
    await until("it is filled again", () => ready() === 1 && membersOf(manager)[0]?.id !== first?.id);
    assert.equal((await runCli(dataDir, ["pool", "rm", "debian"], env)).stdout, "debian\n");
    assert.deepEqual(membersOf(manager), []);
    assert.deepEqual(manager.pool.list(), []);
  });

  test("a start that had no template makes one for the next", async (t) => {
    const manager = testManager(t);
    const { dataDir } = manager;
    const options = ["run", "--rm", "--memory", "300", "--", "true"];
    assert.equal((await runCli(dataDir, options)).exitCode, 0);
    const templates = (): string[] => filesIn(dataDir, "templates").filter((name) => !name.startsWith("."));
    await sleep(500);
    assert.deepEqual(filesIn(dataDir, "templates"), [], "not where it is turned off");
    assert.equal((await runCli(dataDir, options, env)).exitCode, 0);
    await until("there is a template", () => templates().length === 1);
    await using vm = await SmolVM.launch({ dataDir, memoryMiB: 300 });
    assert.equal(vm.info.startedFrom, "template");
  });
});

describe("smolvm pool", () => {
  test("refuses sizes and images that are none", async (t) => {
    const { dataDir } = testManager(t);
    for (const size of ["-1", "1.5", "many", "1001"]) {
      const { exitCode, stderr } = await runCli(dataDir, ["pool", "set", `--size=${size}`]);
      assert.equal(exitCode, 64, stderr);
      assert.match(stderr, /size must be a whole number from 0 to 1000/);
    }
    assert.equal((await runCli(dataDir, ["pool", "set", "nowhere", "--size", "1"])).exitCode, 66);
    assert.equal((await runCli(dataDir, ["pool", "rm", "debian"])).exitCode, 64);
    assert.equal((await runCli(dataDir, ["pool", "ls", "--json"])).stdout, "[]\n");
  });

  test("fills, lists and ends pools", async (t) => {
    const { dataDir } = testManager(t);
    await runCli(dataDir, ["pool", "set", "debian", "--size", "1", "--memory", "256", "--network", "none"]);
    const filled = await runCli(dataDir, ["pool", "fill", "--json"]);
    assert.deepEqual(JSON.parse(filled.stdout), { made: 1, isFull: true, boundedBy: null });
    const listed = await runCli(dataDir, ["pool", "ls"]);
    assert.match(listed.stdout, /^debian +1 +1 +1 +256 MiB +default +none$/m);
    await runCli(dataDir, ["pool", "set", "debian", "--size", "0", "--memory", "256", "--network", "none"]);
    assert.equal((await runCli(dataDir, ["pool", "ls", "--json"])).stdout, "[]\n");
  });
});
