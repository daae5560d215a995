import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "node:test";
import { SmolVM, SmolVMManager } from "../../src/index.ts";
import { testDataDir } from "../support/vm-fixture.ts";

/** Time of CPUs that a process has taken, in ticks of 10 ms: proc_pid_stat(5), fields 14 and 15. */
function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

describe("pause and resume", () => {
  test("a paused VM keeps its processes, its connections and its ports, and costs no CPU", async (t) => {
    await using vm = await SmolVM.launch({ dataDir: testDataDir(t) });
    const counter = await vm.spawn("i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done");
    const lines = counter.stdout.lines()[Symbol.asyncIterator]();
    await lines.next();
    await vm.pause();
    assert.equal(vm.status, "paused");
    const pid = vm.info.pid ?? 0;
    await sleep(100);
    const before = ticksOf(pid);
    await sleep(1_000);
    assert.ok(ticksOf(pid) - before <= 1, "no more than a tick in a second");
    await assert.rejects(vm.run("true"), { code: "INVALID_STATE", hint: "Call resume() first." });
    await vm.pause();
    await vm.resume();
    assert.equal(vm.status, "running");
    const first = Number((await lines.next()).value);
    const second = Number((await lines.next()).value);
    assert.equal(second, first + 1, "the same process goes on, on the same connection");
    counter.kill("SIGKILL");
    await vm.resume();
  });

  test("after a resume the guest's clock is that of the host", async (t) => {
    await using vm = await SmolVM.launch({ dataDir: testDataDir(t) });
    await vm.pause();
    await sleep(2_500);
    await vm.resume();
    const asked = Date.now();
    const { stdout } = await vm.run("date +%s%N");
    const answered = Date.now();
    const guestMs = Number(BigInt(stdout.trim()) / 1_000_000n);
    assert.ok(guestMs >= asked - 50 && guestMs <= answered + 50, `${guestMs} in ${asked}..${answered}`);
  });

  test("it can be paused by one process, and resumed, stopped or deleted by another", async (t) => {
    await using vm = await SmolVM.launch({ dataDir: testDataDir(t) });
    const { vmId, dataDir } = vm;
    await vm.run("echo kept > /root/file");
    await vm.pause();
    await using manager = new SmolVMManager({ dataDir });
    assert.equal(manager.get(vmId).status, "paused");
    await assert.rejects(manager.start(vmId), { code: "INVALID_STATE" });
    await manager.stop(vmId);
    await manager.start(vmId);
    const again = await SmolVM.fromId(vmId, { dataDir });
    assert.equal((await again.run("cat /root/file")).stdout, "kept\n", "what it held was written out");
    await again.close();
    await manager.pause(vmId);
    await manager.delete(vmId);
    assert.deepEqual(manager.listVms(), []);
  });

  test("a VM that does not run cannot be paused or resumed", async (t) => {
    await using vm = await SmolVM.create({ dataDir: testDataDir(t) });
    await assert.rejects(vm.pause(), { code: "INVALID_STATE" });
    await assert.rejects(vm.resume(), { code: "INVALID_STATE" });
    assert.equal(vm.status, "created");
  });
});
