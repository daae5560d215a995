import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { runCommand } from "../../src/guest/command/run-command.ts";
import { SmolVM, SmolVMManager } from "../../src/index.ts";
import { ClientProcess } from "../support/client-process.ts";
import { sharedVM } from "../support/vm-fixture.ts";

const PORTS = 8;
const ROUNDS = 12;

describe("the channels of a VM", () => {
  const shared = sharedVM();

  test("eight processes use one VM at once; a ninth is told, and gets a channel when one is given back", async () => {
    const { vm, dataDir } = shared;
    await using manager = new SmolVMManager({ dataDir });
    await vm.run("true");
    {
      // This process holds one by now.
      await using clients = await ClientProcess.startMany(PORTS - 1, dataDir);
      const outputs = await Promise.all(
        clients.all.map((client, index) => client.call("run", vm.vmId, `echo ${index}`)),
      );
      assert.deepEqual(
        outputs.map(({ stdout }) => stdout),
        outputs.map((_, index) => `${index}\n`),
      );
      await assert.rejects(manager.channel(vm.vmId, { timeoutMs: 300 }), {
        name: "SmolVMError",
        code: "CHANNEL_BUSY",
        message: new RegExp(`all ${PORTS} channels`),
      });
      const waiting = manager.channel(vm.vmId, { timeoutMs: 30_000 });
      await clients.all[3]?.kill();
      await (await waiting).ping({ timeoutMs: 10_000 });
    }
    assert.ok((await vm.run("true")).ok);
  });

  test("a VM whose channels are all in use is stopped by another process all the same", async (t) => {
    const vm = await SmolVM.launch({ dataDir: shared.dataDir });
    t.after(async () => {
      await vm.delete();
      await vm.close();
    });
    // This process holds one since the launch.
    await using clients = await ClientProcess.startMany(PORTS - 1, shared.dataDir);
    for (const client of clients.all) await client.call("connect", vm.vmId);
    await using manager = new SmolVMManager({ dataDir: shared.dataDir });
    await manager.stop(vm.vmId, { timeoutMs: 20_000 });
    // The file system says whether it was unmounted: a forced end needs a recovery.
    await Promise.all(clients.all.map((client) => client.kill()));
    await manager.start(vm.vmId);
    const { stdout } = await vm.run("dmesg");
    assert.match(stdout, /mounted filesystem/);
    assert.doesNotMatch(stdout, /recovery complete/);
  });

  test("a process killed in the middle of a transfer frees its port, and its command in the guest ends", async () => {
    const { vm, dataDir } = shared;
    for (let round = 0; round < ROUNDS; round++) {
      const marker = `flood-marker-${round}`;
      await using client = await ClientProcess.start(dataDir);
      void client.settle("flood", vm.vmId, marker);
      // It is at work when its command shows; then it is killed anywhere within its frames.
      while ((await vm.run(["pgrep", "-f", `[f]${marker.slice(1)}`])).stdout === "") await sleep(20);
      await sleep(Math.random() * 100);
      await client.kill();
      // The lowest port that is free: the one that was just left.
      await using manager = new SmolVMManager({ dataDir });
      const channel = await manager.channel(vm.vmId, { timeoutMs: 10_000 });
      const outputs = await Promise.all(
        Array.from({ length: 5 }, (_, index) =>
          runCommand(channel, `echo ${round}.${index}; head -c 200000 /dev/zero | md5sum`),
        ),
      );
      for (const [index, { stdout }] of outputs.entries()) {
        assert.match(stdout, new RegExp(`^${round}\\.${index}\n[0-9a-f]{32} `));
      }
      while ((await vm.run(["pgrep", "-f", `[f]${marker.slice(1)}`])).stdout !== "") await sleep(20);
    }
  });
});
