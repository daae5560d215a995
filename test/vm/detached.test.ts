import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SmolVM } from "../../src/index.ts";
import { type CliResult, runCli, startCli } from "../support/cli.ts";
import { sharedVM } from "../support/vm-fixture.ts";

describe("a detached process", () => {
  const shared = sharedVM({ memoryMiB: 256 });
  const cli = async (...args: string[]): Promise<CliResult> => await runCli(shared.dataDir, args);

  test("outlives the handle that started it, and is followed by another from its first line on", async () => {
    const first = await SmolVM.fromId(shared.vm.vmId, { dataDir: shared.dataDir });
    const ticker = await first.spawn("i=0; while :; do echo tick $i; i=$((i+1)); sleep 0.05; done", {
      detached: true,
      name: "ticker",
    });
    await first.close();
    const info = await shared.vm.processes.get("ticker");
    assert.ok(Object.isFrozen(info));
    assert.deepEqual([info.id, info.pid, info.status], [ticker.id, ticker.pid, "running"]);
    await using attached = await shared.vm.processes.attach("ticker");
    const lines = attached.stdout.lines();
    for (const index of [0, 1, 2]) assert.equal((await lines.next()).value, `tick ${index}`);
    await shared.vm.processes.kill("ticker");
    assert.equal((await attached.exited).exitCode, 143);
    assert.equal((await shared.vm.processes.get(ticker.id ?? "")).status, "exited");
  });

  test("lives on when whoever watches it leaves", async () => {
    {
      await using watched = await shared.vm.spawn("sleep 1000", { detached: true, name: "watched" });
      assert.notEqual(watched.id, null);
    }
    assert.equal((await shared.vm.processes.get("watched")).status, "running");
    await assert.rejects(shared.vm.spawn("true", { detached: true, name: "watched" }), { code: "PROCESS_NAME_IN_USE" });
    await shared.vm.processes.kill("watched", "SIGKILL");
    await using again = await shared.vm.spawn("true", { detached: true, name: "watched" });
    assert.equal((await again.exited).exitCode, 0);
  });

  test("is started, listed, followed and ended by the command line", async () => {
    const { vmId } = shared.vm;
    const id = (
      await cli("exec", "-d", "--name", "web", vmId, "--", "sh", "-c", "echo up; exec sleep 1000")
    ).stdout.trim();
    assert.match(id, /^\d+$/);
    assert.match(
      (await cli("ps", vmId)).stdout,
      new RegExp(`^${id} +web +\\d+ +running +\\d+ s ago +sh -c echo up`, "m"),
    );
    const listed = JSON.parse((await cli("ps", "--json", vmId)).stdout) as { id: string; status: string }[];
    assert.equal(listed.find((process) => process.id === id)?.status, "running");
    const follower = startCli(shared.dataDir, ["attach", vmId, "web"]);
    await follower.printed("stdout", "up\n");
    const leaver = startCli(shared.dataDir, ["attach", vmId, id]);
    await leaver.printed("stdout", "up\n");
    leaver.child.kill("SIGINT");
    assert.equal((await leaver.result).exitCode, 130);
    assert.equal((await shared.vm.processes.get("web")).status, "running");
    assert.equal((await cli("kill", vmId, "web")).exitCode, 0);
    assert.deepEqual(await follower.result, { exitCode: 143, stdout: "up\n", stderr: "" });
    const gone = await cli("attach", vmId, "no-such");
    assert.equal(gone.exitCode, 66);
    assert.match(gone.stderr, /no detached process "no-such"/);
    assert.equal((await cli("kill", "-s", "NO", vmId, "web")).exitCode, 64);
    assert.equal((await cli("exec", "-d", "-t", vmId, "--", "true")).exitCode, 64);
  });
});
