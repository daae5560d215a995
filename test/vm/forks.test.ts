import assert from "node:assert/strict";
import { createConnection } from "node:net";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { SmolVM } from "../../src/index.ts";
import { assertGoesOn, look, setScene } from "../support/guest-scene.ts";
import { processesNaming } from "../support/data-dir-state.ts";
import { testManager } from "../support/vm-fixture.ts";

const SHAPE = { memoryMiB: 192 } as const;
/** A server in a guest. */
const GREET = `
  use IO::Socket::INET;
  $server = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1:8000");
  while ($peer = $server->accept) { print $peer "hello\\n"; close $peer }`;

/** The forks that came up; a failure of one is the test's. */
function alive(results: readonly PromiseSettledResult<SmolVM>[]): SmolVM[] {
  return results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

async function identityOf(vm: SmolVM): Promise<readonly string[]> {
  const { stdout } = await vm.run(
    "hostname; cat /etc/machine-id /sys/class/net/*/address /etc/ssh/ssh_host_ed25519_key.pub; head -c 16 /dev/urandom | od -An -tx1",
  );
  return stdout.trimEnd().split("\n");
}

describe("forks", () => {
  const manager = testManager({ after });
  const { dataDir } = manager;
  before(() => manager.warm(SHAPE));

  test("go on where the VM was, and the VM goes on with its sessions and ports", async () => {
    await using source = await SmolVM.launch({ ...SHAPE, dataDir, env: { INHERITED: "yes" } });
    const open = await setScene(source);
    const lines = open.stdout.lines()[Symbol.asyncIterator]();
    const firstLine = Number((await lines.next()).value);
    await source.spawn(["perl", "-e", GREET], { detached: true });
    await source.waitForPort(8000, { timeoutMs: 30_000 });
    const port = await source.exposePort(8000);
    const sight = await look(source);
    const children = alive(await source.fork({ count: 2 }));
    try {
      const after = await assertGoesOn(source, sight);
      for (let line = firstLine; line <= (after.counts[1]?.count ?? 0);) {
        const next = Number((await lines.next()).value);
        assert.equal(next, line + 1, "no line of the open session is lost or said twice");
        line = next;
      }
      const socket = createConnection(port.hostPort, port.hostAddress);
      const [answer] = (await once(socket, "data")) as [Buffer];
      assert.equal(answer.toString(), "hello\n", "the exposed port still leads there");
      socket.destroy();
      for (const child of children) {
        await assertGoesOn(child, sight);
        assert.equal((await child.run("echo $INHERITED")).stdout, "yes\n");
        assert.deepEqual([child.info.startedFrom, child.status], ["fork", "running"]);
      }
      await source.run("echo source > /root/tree/1; echo source > /dev/shm/tree/1");
      const [first, second] = children as [SmolVM, SmolVM];
      await first.run("echo first > /root/tree/1; rm /dev/shm/tree/1");
      assert.equal((await look(second)).digest, sight.digest, "none of them sees what another writes");
    } finally {
      for (const child of children) {
        await child.delete();
        await child.close();
      }
      open.kill("SIGKILL");
    }
  });

  test("have identities of their own", async () => {
    await using source = await SmolVM.launch({ ...SHAPE, dataDir });
    const results = alive(await source.fork({ names: ["left", "right"] }));
    const [left, right] = results as [SmolVM, SmolVM];
    await using _left = left;
    await using _right = right;
    const identities = [await identityOf(source), await identityOf(left), await identityOf(right)];
    assert.deepEqual(
      identities.map(([hostname]) => hostname),
      [source.vmId, "left", "right"],
    );
    const [length = 0] = identities.map((lines) => lines.length);
    assert.ok(length >= 5);
    for (let index = 0; index < length; index++) {
      const values = identities.map((lines) => lines[index]).filter((value) => value !== "00:00:00:00:00:00");
      assert.equal(new Set(values).size, values.length, `each has its own: ${values.join(", ")}`);
    }
    const macs = [source, left, right].map(({ info }) => info.network?.guestMac);
    for (const [index, mac] of macs.entries()) assert.ok(identities[index]?.includes(mac ?? ""), "as it is recorded");
  });

  test("of a fork, of a paused VM and of a restored one go on, too", async () => {
    await using source = await SmolVM.launch({ ...SHAPE, dataDir });
    const open = await setScene(source);
    const sight = await look(source);
    const [child] = alive(await source.fork()) as [SmolVM];
    await using _child = child;
    const further = await assertGoesOn(child, sight);
    {
      await using grandchild = alive(await child.fork())[0] as SmolVM;
      await assertGoesOn(grandchild, further);
    }
    const { id } = await child.snapshot();
    {
      await using restored = await SmolVM.fromSnapshot(id, { dataDir });
      const seen = await assertGoesOn(restored, further);
      await using ofRestored = alive(await restored.fork())[0] as SmolVM;
      await assertGoesOn(ofRestored, seen);
    }
    await manager.deleteSnapshot(id);
    const seen = await look(child);
    await child.pause();
    await using ofPaused = alive(await child.fork())[0] as SmolVM;
    assert.deepEqual([(await child.refresh()).status, ofPaused.status], ["paused", "running"]);
    await assertGoesOn(ofPaused, seen);
    await child.resume();
    await assertGoesOn(child, seen);
    open.kill("SIGKILL");
  });

  test("one that cannot be made does not harm the others", async () => {
    await using source = await SmolVM.launch({ ...SHAPE, dataDir });
    await using opened = await manager.openFork(source.vmId, { names: ["f-one", "f-two", "f-three"] });
    // Somebody takes the name after it was found to be free.
    await using _taker = await SmolVM.create({ ...SHAPE, dataDir, vmId: "f-two" });
    const results = await Promise.allSettled(
      opened.children.map((each) => manager.launchFrom(each, opened.origin, {})),
    );
    assert.deepEqual(
      results.map((result) => (result.status === "fulfilled" ? result.value.status : result.reason.code)),
      ["running", "VM_ALREADY_EXISTS", "running"],
    );
    assert.equal(manager.get("f-two").status, "created", "it is the other's");
    await manager.delete("f-one");
    await manager.delete("f-three");
  });

  test("those that are not up in time leave nothing, and the VM runs", async () => {
    await using source = await SmolVM.launch({ ...SHAPE, dataDir });
    const results = await source.fork({ count: 2, bootTimeoutMs: 1 });
    assert.deepEqual(
      results.map((result) => (result.status === "rejected" ? result.reason.name : "up")),
      ["OperationTimeoutError", "OperationTimeoutError"],
    );
    assert.equal((await source.run("echo fine")).stdout, "fine\n");
    assert.deepEqual(
      manager.listVms().map(({ vmId }) => vmId),
      [source.vmId],
    );
    assert.equal(processesNaming(`${dataDir}/`).length <= 1, true);
  });

  test("a name that is taken, and a wrong count or name, refuse the call before anything is done", async () => {
    await using source = await SmolVM.launch({ ...SHAPE, dataDir });
    await using other = await SmolVM.create({ ...SHAPE, dataDir, vmId: "f-taken" });
    await assert.rejects(source.fork({ names: ["f-free", other.vmId] }), { code: "VM_ALREADY_EXISTS" });
    const wrong = [
      { count: 0 },
      { count: 1.5 },
      { count: 1_001 },
      { count: Number.NaN },
      { count: "2" },
      { count: 2, names: ["f-a"] },
      { names: [] },
      { names: ["f-a", "f-a"] },
      { names: "f-a" },
      { names: { length: 1 } },
      { name: "f-a" },
    ];
    for (const options of wrong) {
      await assert.rejects(source.fork(options as never), { name: "ValidationError" }, JSON.stringify(options));
    }
    for (const name of ["", "A b", "../x", 7, null]) {
      await assert.rejects(source.fork({ names: [name as never] }), { name: "ValidationError" }, String(name));
    }
    assert.equal(manager.listVms().length, 2);
    await assert.rejects(other.fork(), { code: "INVALID_STATE" });
    await assert.rejects(manager.fork("f-nobody"), { code: "VM_NOT_FOUND" });
  });

  test("may outlive the VM that they are made of, and each other", async () => {
    const source = await SmolVM.launch({ ...SHAPE, dataDir });
    await source.run("echo kept > /root/file; echo kept > /dev/shm/file");
    const [first, second] = alive(await source.fork({ count: 2 })) as [SmolVM, SmolVM];
    await source.delete();
    await source.close();
    const content = async (vm: SmolVM): Promise<string> => (await vm.run("cat /root/file /dev/shm/file")).stdout;
    assert.equal(await content(first), "kept\nkept\n");
    await first.delete();
    await first.close();
    await second.stop();
    await second.start();
    assert.equal((await second.run("cat /root/file")).stdout, "kept\n", "its disk lies on what the others left");
    await second.delete();
    await second.close();
  });
});
