import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SmolVM, SmolVMError } from "../../src/index.ts";
import { sharedVM } from "../support/vm-fixture.ts";

const hasCode = (code: string) => (error: unknown) => error instanceof SmolVMError && error.code === code;

describe("spawn()", () => {
  const shared = sharedVM({ memoryMiB: 384 });

  test("5 MB pass a process both ways at once, as streams, and arrive as they were sent", async () => {
    const sent = createHash("sha256");
    const received = createHash("sha256");
    async function* blocks(): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < 100; index++) {
        const block = Buffer.alloc(50_000, `${index} `);
        sent.update(block);
        yield block;
      }
    }
    await using cat = await shared.vm.spawn(["cat"], { stdin: blocks() });
    for await (const bytes of cat.stdout) received.update(bytes);
    assert.equal((await cat.exited).exitCode, 0);
    assert.equal(received.digest("hex"), sent.digest("hex"));
  });

  test("a web stream is piped in and its end is passed on", async () => {
    await using counter = await shared.vm.spawn(["wc", "-c"]);
    await new Blob(["x".repeat(300_000)]).stream().pipeTo(counter.stdin);
    assert.equal((await counter.stdout.text()).trim(), "300000");
  });

  test("a writer that nobody reads stops in the guest, costs the host nothing, and others go on", async () => {
    await using flood = await shared.vm.spawn(["yes"]);
    await flood.stdout.getReader().read();
    await sleep(500);
    const before = process.memoryUsage().arrayBuffers;
    const written = async (): Promise<string> =>
      (await shared.vm.run(["grep", "wchar", `/proc/${flood.pid}/io`])).stdout;
    const first = await written();
    await sleep(500);
    assert.equal(await written(), first);
    assert.ok(process.memoryUsage().arrayBuffers - before < 2_000_000);
  });

  test("a login shell reads the profile, another one does not", async () => {
    await shared.vm.run("echo 'PROFILE_WAS_READ=yes; export PROFILE_WAS_READ' > /etc/profile.d/probe.sh");
    const print = 'echo "[$PROFILE_WAS_READ]"';
    assert.equal((await shared.vm.run(print)).stdout, "[]\n");
    assert.equal((await shared.vm.run(print, { shell: "login" })).stdout, "[yes]\n");
    await assert.rejects(shared.vm.run(["true"], { shell: "login" }), { code: "INVALID_OPTION" });
  });

  test("what a call cannot have is refused before anything is sent", async () => {
    const { vm } = shared;
    const wrong = { code: "INVALID_OPTION", name: "ValidationError" };
    await assert.rejects(vm.spawn("true", { timeout: 5 } as object), wrong);
    await assert.rejects(vm.spawn("true", { tty: { columns: 0, rows: 5 } }), wrong);
    await assert.rejects(vm.spawn("true", { tty: 5 as never }), wrong);
    await assert.rejects(vm.spawn("true", { name: "web" }), wrong);
    await assert.rejects(vm.spawn("true", { detached: true, name: "12" }), wrong);
    await assert.rejects(vm.spawn("true", { detached: true, tty: true }), wrong);
    await assert.rejects(vm.spawn("true", { detached: true, timeoutMs: 5 }), wrong);
    await assert.rejects(vm.spawn("true", { detached: true, stdin: "pipe" }), wrong);
    await assert.rejects(vm.spawn("true", { stdin: 5 as never }), wrong);
    await assert.rejects(vm.spawn("true", { user: "a b" }), wrong);
    await assert.rejects(vm.openTerminal({ shell: "login" } as object), wrong);
    await assert.rejects(vm.processes.get("-x"), wrong);
    await assert.rejects(vm.processes.kill("web", "SIGNO" as never), wrong);
  });

  test("a process that the kernel kills for want of memory says so", async () => {
    const eat = ["python3", "-c", "b = []\nwhile True: b.append(bytearray(10_000_000))"];
    const result = await shared.vm.run(eat);
    assert.deepEqual([result.exitCode, result.signal, result.isOomKilled], [137, "SIGKILL", true]);
    await using process = await shared.vm.spawn(eat);
    const exit = await process.exited;
    assert.deepEqual([exit.exitCode, exit.isOomKilled], [137, true]);
    const killed = await shared.vm.run("kill -KILL $$");
    assert.deepEqual([killed.exitCode, killed.isOomKilled], [137, false]);
  });

  test("a deadline covers the wait for a channel", async () => {
    const vm = await SmolVM.fromId(shared.vm.vmId, { dataDir: shared.dataDir });
    try {
      const started = performance.now();
      await assert.rejects(vm.run("sleep 5", { timeoutMs: 300 }), { name: "OperationTimeoutError" });
      assert.ok(performance.now() - started < 2_500);
    } finally {
      await vm.close();
    }
  });
});

describe("a process of a VM that goes away", () => {
  for (const how of ["stopped", "killed"] as const) {
    test(`is never taken for one that ended, when the VM is ${how}`, async (t) => {
      const shared = await SmolVM.launch({ memoryMiB: 256, dataDir: parent.dataDir });
      t.after(async () => {
        await shared.delete();
        await shared.close();
      });
      const process_ = await shared.spawn("trap '' TERM; echo up; while :; do sleep 1; done");
      const lines = process_.stdout.lines();
      assert.equal((await lines.next()).value, "up");
      const settled = Promise.allSettled([
        lines.next(),
        process_.stderr.text(),
        process_.exited,
        shared.run("trap '' TERM; while :; do sleep 1; done"),
      ]);
      await sleep(100);
      if (how === "stopped") await shared.stop({ timeoutMs: 2_000 });
      else process.kill(shared.info.pid ?? 0, "SIGKILL");
      for (const outcome of await settled) {
        // A guest that shuts down in order kills its processes, and may have the time to say so.
        if (outcome.status === "rejected") assert.ok(hasCode("CHANNEL_BROKEN")(outcome.reason), String(outcome.reason));
        else assert.ok(how === "stopped" && !isSuccess(outcome.value), JSON.stringify(outcome.value));
      }
      await process_[Symbol.asyncDispose]();
    });
  }
  const parent = sharedVM({ memoryMiB: 256 });

  function isSuccess(value: unknown): boolean {
    return typeof value === "object" && value !== null && "exitCode" in value && value.exitCode === 0;
  }
});
