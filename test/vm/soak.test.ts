import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, test } from "node:test";
import type { SmolVM } from "../../src/index.ts";
import { sharedVM } from "../support/vm-fixture.ts";

const WARM_UP = 300;
const RUNS = 1_000;
const AT_ONCE = 4;
/** What the guest's agent may vary by; a leak of 1 KiB a run would be four times as much. */
const AGENT_SLACK_KIB = 256;
/** What this process may vary by, whose memory is collected when V8 thinks fit. */
const HOST_SLACK_BYTES = 64 * 1024 * 1024;

async function agentUse(
  vm: SmolVM,
): Promise<{ readonly rssKiB: number; readonly files: number; readonly processes: number }> {
  const { stdout } = await vm.run(
    "awk '/VmRSS/ { print $2 }' /proc/1/status; ls /proc/1/fd | wc -l; ls -d /proc/[0-9]* | wc -l",
  );
  const [rssKiB = 0, files = 0, processes = 0] = stdout.trim().split("\n").map(Number);
  return { rssKiB, files, processes };
}

async function runMany(vm: SmolVM, count: number): Promise<void> {
  let left = count;
  const work = async (): Promise<void> => {
    while (left-- > 0) {
      const { stdout } = await vm.run("echo out; echo err >&2", { env: { A: "x".repeat(1_000) } });
      assert.equal(stdout, "out\n");
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

describe("a thousand commands in one VM", () => {
  const shared = sharedVM();

  test("leak neither memory, nor file descriptors, nor processes, on either side", async () => {
    const { vm } = shared;
    await runMany(vm, WARM_UP);
    const before = await agentUse(vm);
    const hostFiles = readdirSync("/proc/self/fd").length;
    const hostBytes = process.memoryUsage.rss();
    await runMany(vm, RUNS);
    const after = await agentUse(vm);
    assert.equal(after.files, before.files, "files of the agent");
    assert.ok(after.rssKiB - before.rssKiB < AGENT_SLACK_KIB, `agent: ${before.rssKiB} KiB, then ${after.rssKiB} KiB`);
    // Threads of the kernel come and go.
    assert.ok(after.processes - before.processes < 10, `${before.processes} processes, then ${after.processes}`);
    assert.equal(readdirSync("/proc/self/fd").length, hostFiles, "files of this process");
    assert.ok(process.memoryUsage.rss() - hostBytes < HOST_SLACK_BYTES, "memory of this process");
  });
});
