import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { runCommand } from "../../src/guest/command/run-command.ts";
import { SmolVM, SmolVMManager } from "../../src/index.ts";
import { runCli } from "../support/cli.ts";
import { ClientProcess } from "../support/client-process.ts";
import { processesNaming } from "../support/data-dir-state.ts";
import { ask } from "../support/tcp-client.ts";
import { untilStatus } from "../support/until-status.ts";
import { testDataDir, testManager } from "../support/vm-fixture.ts";

const IDLE_MS = 400;
/** Long enough for several looks at a VM that must not be paused. */
const LOOKS_MS = 4 * IDLE_MS;
// Tests of the background switch it on again.
process.env["SMOLVM_BACKGROUND"] = "off";

interface Seen {
  readonly vm: SmolVM;
  /** Another manager, which sees what is recorded. */
  readonly manager: SmolVMManager;
  paused(): Promise<void>;
}

async function launch(t: TestContext): Promise<Seen & AsyncDisposable> {
  const dataDir = testDataDir(t);
  const vm = await SmolVM.launch({ dataDir, idlePauseMs: IDLE_MS });
  const manager = new SmolVMManager({ dataDir });
  return {
    vm,
    manager,
    paused: async () => {
      assert.equal((await untilStatus(manager, vm.vmId, "paused")).pausedBy, "idle");
    },
    [Symbol.asyncDispose]: async () => {
      await manager.close();
      await vm[Symbol.asyncDispose]();
    },
  };
}

describe("a VM with idlePauseMs", () => {
  test("is paused when nobody uses it, and the next call wakes it, with the clock of the host", async (t) => {
    await using seen = await launch(t);
    const { vm, manager } = seen;
    for (let round = 0; round < 3; round++) {
      await seen.paused();
      await sleep(500);
      assert.equal((await vm.refresh()).status, "paused");
      const askedMs = Date.now();
      const { stdout } = await vm.run("date +%s%N");
      const guestMs = Number(BigInt(stdout.trim()) / 1_000_000n);
      assert.ok(guestMs >= askedMs - 50 && guestMs <= Date.now() + 50, `${guestMs - askedMs} ms`);
      assert.deepEqual([manager.get(vm.vmId).status, manager.get(vm.vmId).pausedBy], ["running", null]);
    }
  });

  test("stays awake while a program of its guest computes, and not because one sleeps", async (t) => {
    await using seen = await launch(t);
    const { vm, manager } = seen;
    await vm.run("sleep 1000 >/dev/null 2>&1 &");
    await seen.paused();
    const { stdout } = await vm.run("while :; do :; done >/dev/null 2>&1 & echo $!");
    for (const end = performance.now() + LOOKS_MS; performance.now() < end; await sleep(20)) {
      assert.equal(manager.get(vm.vmId).status, "running");
    }
    await vm.run(["kill", stdout.trim()]);
    await seen.paused();
  });

  test("stays awake while a call is open, in whatever process", async (t) => {
    await using seen = await launch(t);
    const { vm, manager } = seen;
    const staysAwake = async (): Promise<void> => {
      for (const end = performance.now() + LOOKS_MS; performance.now() < end; await sleep(20)) {
        assert.equal(manager.get(vm.vmId).status, "running");
      }
    };
    {
      await using cat = await vm.spawn("cat");
      await staysAwake();
      cat.kill("SIGKILL");
      await cat.exited.catch(() => {});
    }
    await seen.paused();
    {
      await using client = await ClientProcess.start(vm.dataDir);
      const running = client.call("run", vm.vmId, `sleep ${LOOKS_MS / 1_000 + 1}`);
      await untilStatus(manager, vm.vmId, "running");
      await staysAwake();
      await running;
    }
    await seen.paused();
  });

  test("is woken once by many calls at once", async (t) => {
    await using seen = await launch(t);
    await seen.paused();
    const lines: string[] = [];
    const stderr = t.mock.method(process.stderr, "write", (line: string) => lines.push(line) > 0);
    process.env["SMOLVM_LOG"] = "debug";
    try {
      const results = await Promise.all(Array.from({ length: 20 }, (_, n) => seen.vm.run(`echo ${n}`)));
      assert.deepEqual(
        results.map(({ stdout }) => stdout.trim()),
        Array.from({ length: 20 }, (_, n) => String(n)),
      );
    } finally {
      delete process.env["SMOLVM_LOG"];
      stderr.mock.restore();
    }
    assert.equal(lines.filter((line) => /operation\.begin .*"resume"/.test(line)).length, 1);
  });

  test("is woken by several processes at once", async (t) => {
    await using seen = await launch(t);
    await using clients = await ClientProcess.startMany(4, seen.vm.dataDir);
    await seen.paused();
    const results = await Promise.all(clients.all.map((client) => client.call("run", seen.vm.vmId, "echo awake")));
    for (const { stdout } of results) assert.equal(stdout, "awake\n");
  });

  test("is woken by a connection to a port, which by itself does not keep it awake", async (t) => {
    await using seen = await launch(t);
    const { vm } = seen;
    await vm.run("mkdir /srv/www && echo served > /srv/www/index.html");
    await vm.run("cd /srv/www && python3 -m http.server 8000 >/dev/null 2>&1 &");
    await vm.waitForPort(8000);
    await using web = await vm.exposePort(8000);
    for (let round = 0; round < 2; round++) {
      await seen.paused();
      assert.match(await ask(web, "GET / HTTP/1.0\r\n\r\n"), /\nserved\n$/);
    }
  });

  test("is woken by a call on a channel that was open before", async (t) => {
    await using seen = await launch(t);
    const channel = await seen.manager.channel(seen.vm.vmId);
    await seen.paused();
    assert.equal((await runCommand(channel, "echo awake")).stdout, "awake\n");
  });

  test("that its user has paused is not woken", async (t) => {
    await using seen = await launch(t);
    const { vm } = seen;
    await seen.paused();
    await vm.pause();
    assert.equal(vm.info.pausedBy, "user");
    await assert.rejects(vm.run("true"), { code: "INVALID_STATE" });
    await vm.resume();
    assert.equal((await vm.run("echo on")).stdout, "on\n");
  });

  test("that sleeps can be resumed, started, told variables, stopped and deleted", async (t) => {
    await using seen = await launch(t);
    const { vm } = seen;
    await seen.paused();
    assert.equal((await vm.resume()).status, "running");
    await seen.paused();
    assert.equal((await vm.start()).status, "running");
    await vm.run("echo kept > /root/file");
    await seen.paused();
    await vm.setEnv("WORD", "told");
    assert.equal((await vm.run("echo $WORD")).stdout, "told\n");
    await seen.paused();
    assert.equal((await vm.stop()).status, "stopped");
    await vm.start();
    assert.equal((await vm.run("cat /root/file")).stdout, "kept\n");
    await seen.paused();
    await vm.delete();
  });

  test("is paused by who has it open when the process that woke it was killed", async (t) => {
    await using seen = await launch(t);
    await seen.paused();
    await using client = await ClientProcess.start(seen.vm.dataDir);
    await client.call("run", seen.vm.vmId, "true");
    await client.kill();
    await seen.paused();
  });

  test("that nobody watches is paused by reconcile", async (t) => {
    const dataDir = testDataDir(t);
    await using manager = new SmolVMManager({ dataDir });
    await using client = await ClientProcess.start(dataDir);
    const { vmId } = await client.call("launch", { idlePauseMs: IDLE_MS });
    await client.kill();
    await sleep(LOOKS_MS);
    assert.equal(manager.get(vmId).status, "running");
    await manager.reconcile();
    assert.equal(manager.get(vmId).status, "paused");
    await manager.delete(vmId);
  });
});

describe("a VM with idlePauseMs, after the process that used it", () => {
  const inBackground = { SMOLVM_BACKGROUND: "on" };
  const watchers = (dataDir: string): number[] => {
    const isOf = new Set(processesNaming("watch-idle"));
    return processesNaming(dataDir).filter((pid) => isOf.has(pid));
  };

  /** A start without one would have it made in the background. */
  const withTemplate = async (manager: SmolVMManager): Promise<void> => {
    await manager.warm();
  };
  const untilWatchedBy = async (count: number, dataDir: string): Promise<void> => {
    const end = performance.now() + 10_000;
    while (watchers(dataDir).length !== count && performance.now() < end) await sleep(20);
    assert.equal(watchers(dataDir).length, count);
  };

  test("is paused by a process in the background, which ends then", async (t) => {
    const dataDir = testDataDir(t);
    await using manager = new SmolVMManager({ dataDir });
    await withTemplate(manager);
    const { vmId } = await manager.create({ idlePauseMs: IDLE_MS });
    for (const args of [
      ["start", vmId],
      ["exec", vmId, "--", "true"],
    ]) {
      const { exitCode, stderr } = await runCli(dataDir, args, inBackground);
      assert.equal(exitCode, 0, stderr);
      assert.equal(watchers(dataDir).length, 1);
      await untilStatus(manager, vmId, "paused");
      await untilWatchedBy(0, dataDir);
    }
    await manager.delete(vmId);
  });

  test("is left to who has it open", async (t) => {
    await using seen = await launch(t);
    const { dataDir, vmId } = seen.vm;
    await runCli(dataDir, ["exec", vmId, "--", "true"], inBackground);
    assert.deepEqual(watchers(dataDir), []);
    await seen.paused();
  });

  test("is left to nobody where the background is off", async (t) => {
    const manager = testManager(t);
    const { vmId } = await manager.create({ idlePauseMs: IDLE_MS });
    await runCli(manager.dataDir, ["start", vmId]);
    assert.deepEqual(watchers(manager.dataDir), []);
    await sleep(LOOKS_MS);
    assert.equal(manager.get(vmId).status, "running");
  });

  test("is left to the background by a program that ends without having closed it", async (t) => {
    const manager = testManager(t);
    await withTemplate(manager);
    {
      await using client = await ClientProcess.start(manager.dataDir, { env: inBackground });
      await client.call("launch", { vmId: "vm", idlePauseMs: IDLE_MS });
      client.disconnect();
      await client.ended();
    }
    assert.equal(watchers(manager.dataDir).length, 1);
    await untilStatus(manager, "vm", "paused");
    await untilWatchedBy(0, manager.dataDir);
  });

  test("is watched by one process when that was deleted or stopped meanwhile, which ends then", async (t) => {
    const dataDir = testDataDir(t);
    await using manager = new SmolVMManager({ dataDir });
    await withTemplate(manager);
    const { vmId } = await manager.create({ idlePauseMs: 60_000 });
    await runCli(dataDir, ["start", vmId], inBackground);
    await runCli(dataDir, ["exec", vmId, "--", "true"], inBackground);
    // Two that begin at once may both be there for a moment.
    await untilWatchedBy(1, dataDir);
    await manager.delete(vmId);
    await untilWatchedBy(0, dataDir);
  });
});
