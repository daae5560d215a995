import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { OperationTimeoutError, OutputLimitError, type SmolVM } from "../../src/index.ts";
import { sharedVM } from "../support/vm-fixture.ts";

/** Starts a tree of processes: a shell, its child, and a grandchild that ignores TERM and HUP; each is named by `marker`. */
const tree = (marker: string): string =>
  `echo begun; echo complaint >&2; sh -c 'trap "" TERM HUP; while :; do sleep 1; done; : ${marker}' & sh -c 'sleep 1000; : ${marker}'; : ${marker}`;

async function remaining(vm: SmolVM, marker: string): Promise<string> {
  // The brackets keep pgrep from finding the shell that runs it.
  const pattern = `[${marker[0]}]${marker.slice(1)}`;
  for (let tries = 0; tries < 50; tries++) {
    const { stdout } = await vm.run(["pgrep", "-af", pattern]);
    if (stdout === "") return "";
    await sleep(100);
  }
  return (await vm.run(["pgrep", "-af", pattern])).stdout;
}

describe("a command that is ended from outside", () => {
  const shared = sharedVM();

  test("after a timeout its whole process group is gone, and what it wrote is kept", async () => {
    const timeout = await shared.vm.run(tree("timeout-marker"), { timeoutMs: 1_500 }).catch((error: unknown) => error);
    assert.ok(timeout instanceof OperationTimeoutError);
    assert.equal(timeout.code, "TIMEOUT");
    assert.match(timeout.message, /1500 ms/);
    assert.equal(timeout.stdout, "begun\n");
    assert.equal(timeout.stderr, "complaint\n");
    assert.equal(await remaining(shared.vm, "timeout-marker"), "");
  });

  test("after an abort its whole process group is gone, the reason is thrown, and the VM goes on", async () => {
    const controller = new AbortController();
    const reason = new Error("not needed any more");
    const running = shared.vm.run(tree("abort-marker"), {
      signal: controller.signal,
      onStdout: () => controller.abort(reason),
    });
    await assert.rejects(running, reason);
    assert.equal(await remaining(shared.vm, "abort-marker"), "");
    assert.ok((await shared.vm.run("true")).ok);
  });

  test("a signal that has fired already starts nothing", async () => {
    const reason = new Error("before");
    await assert.rejects(shared.vm.run("touch /root/started", { signal: AbortSignal.abort(reason) }), reason);
    assert.equal((await shared.vm.run("test -e /root/started")).exitCode, 1);
  });

  test("a timeout among other commands ends none of them", async () => {
    const others = Array.from({ length: 5 }, (_, index) => shared.vm.run(`sleep 2; echo ${index}`));
    await assert.rejects(shared.vm.run("sleep 1000", { timeoutMs: 300 }), { code: "TIMEOUT" });
    assert.deepEqual(
      (await Promise.all(others)).map(({ stdout }) => stdout),
      ["0\n", "1\n", "2\n", "3\n", "4\n"],
    );
  });

  test("output over its limit ends the command, and what fits is kept", async () => {
    const limited = await shared.vm.run("yes limit-marker", { maxOutputBytes: 1_000 }).catch((error: unknown) => error);
    assert.ok(limited instanceof OutputLimitError);
    assert.equal(limited.code, "OUTPUT_LIMIT");
    assert.equal(limited.stdout.length, 1_000);
    assert.equal(await remaining(shared.vm, "limit-marker"), "");
  });

  test("an error in a callback ends the command and is what the caller gets", async () => {
    const error = new Error("the callback's own");
    const running = shared.vm.run(tree("callback-marker"), {
      onStdout: () => {
        throw error;
      },
    });
    await assert.rejects(running, error);
    assert.equal(await remaining(shared.vm, "callback-marker"), "");
    assert.ok((await shared.vm.run("true")).ok);
  });
});
