import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { runCli, startCli } from "../support/cli.ts";
import { sharedVM } from "../support/vm-fixture.ts";

describe("smolvm port", () => {
  const shared = sharedVM();
  const startServer = async (port: number): Promise<void> => {
    await shared.vm.run(`cd /etc && python3 -m http.server ${port} >/dev/null 2>&1 &`);
  };

  test("forwards until it is interrupted, and says where", async () => {
    const { vm, dataDir } = shared;
    await startServer(8_000);
    await startServer(8_001);
    const cli = startCli(dataDir, ["port", "--wait", vm.vmId, "8000", "8001"]);
    const printed = once(cli.child.stdout, "data").then(([chunk]) => String(chunk));
    const firstLine = await Promise.race([printed, cli.result.then(({ stderr }) => stderr)]);
    const [, hostPort] = /^127\.0\.0\.1:(\d+) -> 8000$/m.exec(firstLine) ?? [];
    assert.equal(await (await fetch(`http://127.0.0.1:${hostPort}/hostname`)).text(), `${vm.vmId}\n`);
    await cli.printed("stdout", "-> 8001\n");
    cli.child.kill("SIGINT");
    const { exitCode, stdout, stderr } = await cli.result;
    assert.deepEqual([exitCode, stderr], [130, ""]);
    assert.match(stdout, /^127\.0\.0\.1:\d+ -> 8000\n127\.0\.0\.1:\d+ -> 8001\n$/);
  });

  test("prints JSON, takes a port and an address, and refuses what is none", async () => {
    const { vm, dataDir } = shared;
    const cli = startCli(dataDir, ["port", "--json", "--address", "0.0.0.0", vm.vmId, "8002"]);
    await cli.printed("stdout", "]\n");
    cli.child.kill("SIGTERM");
    const { exitCode, stdout } = await cli.result;
    assert.equal(exitCode, 143);
    const [forward] = JSON.parse(stdout);
    assert.deepEqual([forward.guestPort, forward.hostAddress], [8_002, "0.0.0.0"]);
    assert.equal(forward.url, `http://127.0.0.1:${forward.hostPort}`);
    for (const wrong of ["http", "0", "8000:70000", "8000:", ":80"]) {
      assert.equal((await runCli(dataDir, ["port", vm.vmId, wrong])).exitCode, 64, wrong);
    }
    assert.equal((await runCli(dataDir, ["port", "nobody", "80"])).exitCode, 66);
  });

  test("ends with an error when the VM goes away", async () => {
    const { vm, dataDir } = shared;
    const cli = startCli(dataDir, ["port", vm.vmId, "8003"]);
    await cli.printed("stdout", "-> 8003\n");
    assert.equal((await runCli(dataDir, ["stop", vm.vmId])).exitCode, 0);
    const { exitCode, stderr } = await cli.result;
    assert.ok(exitCode === 75 || exitCode === 70, `${exitCode}: ${stderr}`);
    assert.match(stderr, /hint:/);
  });
});
