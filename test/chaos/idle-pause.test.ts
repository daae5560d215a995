import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SmolVM, type SmolVMManager } from "../../src/index.ts";
import { ClientProcess } from "../support/client-process.ts";
import { assertConsistent } from "../support/data-dir-state.ts";
import { untilStatus } from "../support/until-status.ts";
import { testManager } from "../support/vm-fixture.ts";

const IDLE_MS = 300;
/** More changes than a pause or a waking makes. */
const MOST_POINTS = 80;
process.env["SMOLVM_BACKGROUND"] = "off";

/** Asserts that the VM runs a command, and that its clock is that of the host. */
async function assertUsable(manager: SmolVMManager, vmId: string, point: number): Promise<void> {
  const vm = await SmolVM.fromId(vmId, { dataDir: manager.dataDir });
  const askedMs = Date.now();
  const { stdout } = await vm.run("date +%s%N", { timeoutMs: 20_000 });
  const guestMs = Number(BigInt(stdout.trim()) / 1_000_000n);
  assert.ok(guestMs >= askedMs - 50 && guestMs <= Date.now() + 50, `point ${point}: ${guestMs - askedMs} ms`);
  assert.equal(manager.get(vmId).status, "running");
  await vm.close();
}

describe("a process killed right before each change that it makes", () => {
  test("to pause an idle VM: the next call finds it usable", async (t) => {
    const manager = testManager(t);
    await manager.warm();
    let points = 0;
    for (let isDone = false; !isDone;) {
      points++;
      assert.ok(points < MOST_POINTS, "it is never paused");
      const vmId = `vm-${points}`;
      await using client = await ClientProcess.start(manager.dataDir);
      await client.call("launch", { vmId, idlePauseMs: IDLE_MS });
      await client.call("crashAt", points);
      const paused = untilStatus(manager, vmId, "paused").then(() => sleep(IDLE_MS));
      isDone = await Promise.race([client.ended().then(() => false), paused.then(() => true)]);
      paused.catch(() => {}); // of one that was not paused before the crash
      await client.kill();
      // Now and then by whoever comes first, and not by reconcile.
      if (points % 2 === 0) await manager.reconcile();
      await sleep(200);
      await assertUsable(manager, vmId, points);
      await assertConsistent(manager);
      await manager.delete(vmId);
    }
    t.diagnostic(`${points - 1} points`);
    assert.ok(points > 3, "the points are seen");
  });

  test("to wake a VM: the next call finds it usable", async (t) => {
    const manager = testManager(t);
    await manager.warm();
    const { vmId } = await manager.create({ idlePauseMs: IDLE_MS });
    await manager.start(vmId);
    let points = 0;
    for (let isDone = false; !isDone;) {
      points++;
      assert.ok(points < MOST_POINTS, "it is never woken");
      await untilStatus(manager, vmId, "paused");
      await using client = await ClientProcess.start(manager.dataDir);
      isDone = await client.interrupt({ crashAt: points }, "run", vmId, "true");
      await client.kill();
      await sleep(200);
      await assertUsable(manager, vmId, points);
    }
    t.diagnostic(`${points - 1} points`);
    assert.ok(points > 3, "the points are seen");
  });
});
