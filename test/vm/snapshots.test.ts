import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import type { TestContext } from "node:test";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { SmolVM, type SnapshotInfo } from "../../src/index.ts";
import { findProgram } from "../../src/host/find-program.ts";
import { ClientProcess } from "../support/client-process.ts";
import { assertGoesOn, look, setScene } from "../support/guest-scene.ts";
import { temporaryDir } from "../support/temporary-dir.ts";
import { testManager } from "../support/vm-fixture.ts";

const SHAPE = { memoryMiB: 160 } as const;
const MIB = 1024 * 1024;

describe("snapshots", () => {
  const manager = testManager({ after });
  const { dataDir } = manager;
  before(() => manager.warm(SHAPE));
  afterEach(async () => {
    for (const { vmId } of manager.listVms()) await manager.delete(vmId);
    for (const { id } of manager.listSnapshots()) await manager.deleteSnapshot(id);
  });

  async function launch(): Promise<SmolVM> {
    const vm = await SmolVM.launch({ ...SHAPE, dataDir });
    await vm.run("echo disk > /root/file; echo memory > /dev/shm/file; sync");
    return vm;
  }

  async function contentOf(vm: SmolVM): Promise<string> {
    return (await vm.run("cat /root/file /dev/shm/file 2> /dev/null")).stdout;
  }

  async function assertRestores(snapshot: SnapshotInfo, content: string): Promise<void> {
    await using vm = await SmolVM.fromSnapshot(snapshot.id, { dataDir });
    assert.equal(await contentOf(vm), content);
  }

  test("of a running VM are restored with processes, connections, files and environment", async () => {
    await using source = await launch();
    await source.setEnv({ BEFORE: "1" });
    const open = await setScene(source);
    const sight = await look(source);
    const snapshot = await source.snapshot({ name: "scene" });
    await assertGoesOn(source, sight);
    assert.equal(snapshot.includesMemory, true);
    assert.ok(snapshot.pauseMs > 0);
    await source.delete();
    await using restored = await SmolVM.fromSnapshot("scene", { dataDir, env: { AFTER: "2" }, vmId: "restored" });
    await assertGoesOn(restored, sight);
    assert.equal((await restored.run("echo $BEFORE-$AFTER; hostname")).stdout, "-2\nrestored\n");
    assert.equal(restored.info.startedFrom, "snapshot");
    await manager.deleteSnapshot("scene");
    await assertGoesOn(restored, sight);
    await restored.stop();
    await restored.start();
    assert.equal(restored.info.startedFrom, "cold");
    assert.equal(await contentOf(restored), "disk\n", "its disk is whole without the snapshot");
    open.kill("SIGKILL");
  });

  test("are made of VMs in every state that has a disk, with and without memory", async () => {
    await using vm = await SmolVM.create({ ...SHAPE, dataDir });
    const ofCreated = await vm.snapshot();
    assert.deepEqual([ofCreated.includesMemory, ofCreated.pauseMs, vm.status], [false, 0, "created"]);
    await vm.start();
    await vm.run("echo disk > /root/file; echo memory > /dev/shm/file; sync");
    const diskOnly = await vm.snapshot({ includeMemory: false });
    assert.equal(diskOnly.includesMemory, false);
    await vm.pause();
    const ofPaused = await vm.snapshot();
    assert.deepEqual([ofPaused.includesMemory, (await vm.refresh()).status], [true, "paused"]);
    await vm.resume();
    await vm.stop({ keepMemory: true });
    const ofSleeping = await vm.snapshot();
    assert.deepEqual([ofSleeping.includesMemory, (await vm.refresh()).status], [true, "stopped"]);
    await vm.start();
    assert.equal(vm.info.startedFrom, "hibernation");
    assert.equal(await contentOf(vm), "disk\nmemory\n");
    await vm.stop();
    const ofStopped = await vm.snapshot();
    assert.equal(ofStopped.includesMemory, false);
    await vm.delete();
    const contents = [
      [ofCreated, ""],
      [diskOnly, "disk\n"],
      [ofPaused, "disk\nmemory\n"],
      [ofSleeping, "disk\nmemory\n"],
      [ofStopped, "disk\n"],
    ] as const;
    for (const [snapshot, content] of contents) await assertRestores(snapshot, content);
    for (const [{ id }, content] of contents.toReversed()) {
      await assertRestores(manager.getSnapshot(id), content);
      await manager.deleteSnapshot(id);
    }
  });

  test("a second one holds what has changed since the first, and no more", async () => {
    await using vm = await launch();
    const change = "head -c 8388608 /dev/urandom > /dev/shm/block; sha256sum /dev/shm/block";
    await vm.run(change);
    const first = await vm.snapshot();
    const idle = await vm.snapshot();
    const { stdout } = await vm.run(change);
    const second = await vm.snapshot();
    const changedBytes = second.sizeBytes - idle.sizeBytes;
    assert.ok(first.sizeBytes > 8 * MIB);
    assert.ok(idle.sizeBytes < 2 * MIB, `nothing but the guest's own work: ${idle.sizeBytes}`);
    assert.ok(
      changedBytes > 7.2 * MIB && changedBytes < 11 * MIB,
      `about the 8 MiB that have changed: ${changedBytes}`,
    );
    await manager.deleteSnapshot(first.id);
    await manager.deleteSnapshot(idle.id);
    await using restored = await SmolVM.fromSnapshot(second.id, { dataDir });
    assert.equal(
      (await restored.run("sha256sum /dev/shm/block")).stdout,
      stdout,
      "earlier ones are not needed by name",
    );
    await manager.deleteSnapshot(second.id);
  });

  test("a VM is restored without the network that its original had", async () => {
    await using vm = await launch();
    const { id } = await vm.snapshot();
    await using restored = await SmolVM.fromSnapshot(id, { dataDir, network: "none" });
    assert.equal(restored.info.network, null);
    const server = createServer((socket) => socket.end("hello"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const reach = async (each: SmolVM): Promise<string> =>
      (await each.run(["timeout", "5", "bash", "-c", `cat < /dev/tcp/10.0.2.2/${port}`])).stdout;
    assert.deepEqual([await reach(vm), await reach(restored)], ["hello", ""]);
    server.close();
    const second = await restored.snapshot();
    await using again = await SmolVM.fromSnapshot(second.id, { dataDir });
    assert.equal(await contentOf(again), "disk\nmemory\n");
    await again.stop();
    await again.start();
    const third = await again.snapshot();
    await using last = await SmolVM.fromSnapshot(third.id, { dataDir });
    assert.equal((await last.run("cat /root/file")).stdout, "disk\n");
    for (const each of [id, second.id, third.id]) await manager.deleteSnapshot(each);
  });

  test("wrong options, names that are taken and ids that exist are refused before anything is done", async () => {
    await using vm = await SmolVM.create({ ...SHAPE, dataDir, vmId: "snap-source" });
    const { id } = await vm.snapshot({ name: "taken" });
    await assert.rejects(vm.snapshot({ name: "taken" }), { code: "SNAPSHOT_ALREADY_EXISTS" });
    await assert.rejects(vm.snapshot({ name: id }), { code: "SNAPSHOT_ALREADY_EXISTS" });
    for (const wrong of [{ name: "A b" }, { name: 7 }, { includeMemory: "yes" }, { includesMemory: true }]) {
      await assert.rejects(vm.snapshot(wrong as never), { name: "ValidationError" });
    }
    await assert.rejects(SmolVM.fromSnapshot("taken", { dataDir, vmId: "snap-source" }), { code: "VM_ALREADY_EXISTS" });
    for (const wrong of [{ vmId: "A b" }, { env: { "a=b": "" } }, { memoryMiB: 128 }]) {
      await assert.rejects(SmolVM.fromSnapshot("taken", { dataDir, ...wrong }), { name: "ValidationError" });
    }
    await assert.rejects(SmolVM.fromSnapshot("nothing", { dataDir }), { code: "SNAPSHOT_NOT_FOUND" });
    await assert.rejects(manager.deleteSnapshot("nothing"), { code: "SNAPSHOT_NOT_FOUND" });
    assert.deepEqual([manager.listVms().length, manager.listSnapshots().length], [1, 1]);
    await manager.deleteSnapshot("taken");
  });

  test("an image stays as long as a snapshot needs it", async () => {
    const vm = await SmolVM.create({ ...SHAPE, dataDir });
    const { id: imageId } = (await manager.images.resolve("debian")).manifest;
    const { id } = await vm.snapshot();
    await vm.delete();
    await vm.close();
    assert.deepEqual(manager.imageUsers(imageId), [id]);
    await assert.rejects(manager.removeImage(imageId), { code: "IMAGE_IN_USE" });
    await manager.deleteSnapshot(id);
    assert.deepEqual(manager.imageUsers(imageId), []);
  });

  test("a caller that gives up leaves the VM running and nothing behind", async () => {
    await using vm = await launch();
    for (const delayMs of [0, 5, 20, 60, 120]) {
      const result = await vm.snapshot({ signal: AbortSignal.timeout(delayMs) }).catch((error: Error) => error.name);
      if (typeof result !== "string") await manager.deleteSnapshot(result.id);
      else assert.equal(result, "TimeoutError");
      assert.equal(await contentOf(vm), "disk\nmemory\n");
    }
    assert.deepEqual(manager.listSnapshots(), []);
  });

  describe("whose files are damaged", () => {
    const files = (name: string): string[] =>
      readdirSync(join(dataDir, "layers"))
        .filter((layer) => layer !== ".locks")
        .map((layer) => join(dataDir, "layers", layer, name));
    const disks = (): string[] => {
      const database = new DatabaseSync(join(dataDir, "smolvm.db"), { readOnly: true });
      try {
        const rows = database.prepare("SELECT disk_path FROM layers WHERE disk_path IS NOT NULL").all();
        return rows.map(({ disk_path: path }) => String(path));
      } finally {
        database.close();
      }
    };
    const templateMemory = (): string[] =>
      readdirSync(join(dataDir, "templates"))
        .filter((name) => !name.startsWith("."))
        .map((name) => join(dataDir, "templates", name, "memory"));
    const flip = (path: string): void => {
      chmodSync(path, 0o600);
      const bytes = readFileSync(path);
      const middle = Math.floor(bytes.length / 2);
      bytes[middle] = (bytes[middle] ?? 0) ^ 1;
      writeFileSync(path, bytes);
    };
    /** As a disk's own fault would. */
    const flipUnseen = (path: string): void => {
      const { atime, mtime } = statSync(path);
      flip(path);
      utimesSync(path, atime, mtime);
    };
    const hide = (path: string): void => renameSync(path, `${path}.hidden`);
    const damages = [
      ["pages that are missing", () => files("pages"), hide],
      ["pages that were altered", () => files("pages"), flip],
      ["pages that were altered unseen", () => files("pages"), flipUnseen],
      [
        "pages that were cut short",
        () => files("pages"),
        (path: string) => truncateSync(path, statSync(path).size - 1),
      ],
      ["a devices' state that is missing", () => files("state"), hide],
      ["a devices' state that was altered unseen", () => files("state"), flipUnseen],
      ["a disk that is missing", disks, hide],
      ["a disk that was altered", disks, flip],
      ["a template's memory that is missing", templateMemory, hide],
    ] as const;

    for (const [what, paths, damage] of damages) {
      test(`with ${what}, make no VM`, async () => {
        const vm = await launch();
        const { id } = await vm.snapshot();
        await vm.delete();
        await vm.close();
        const [path, ...others] = paths();
        assert.ok(path !== undefined && others.length === 0, "the one file is found");
        const copy = `${path}.kept`;
        execFileSync("cp", ["-a", "--sparse=always", path, copy]);
        damage(path);
        await assert.rejects(SmolVM.fromSnapshot(id, { dataDir }), { code: "SNAPSHOT_CORRUPT" });
        assert.deepEqual(manager.listVms(), []);
        await manager.deleteSnapshot(id);
        if (what.startsWith("a template")) renameSync(`${path}.hidden`, path);
        execFileSync("rm", ["-f", copy, `${path}.hidden`]);
      });
    }

    test("wake no VM: it stays asleep, and may give its memory up", async () => {
      await using vm = await launch();
      await vm.stop({ keepMemory: true });
      const [state = ""] = files("state");
      flip(state);
      await assert.rejects(vm.start(), { code: "SNAPSHOT_CORRUPT" });
      assert.equal((await vm.refresh()).status, "stopped");
      await vm.start({ from: "cold" });
      assert.equal(await contentOf(vm), "disk\n", "what it had written was on its disk");
    });
  });

  test("of another machine are refused, each for its reason", async () => {
    await using vm = await launch();
    const { id } = await vm.snapshot();
    const database = new DatabaseSync(join(dataDir, "smolvm.db"));
    try {
      const [{ manifest = "" } = {}] = database.prepare("SELECT manifest FROM layers").all() as { manifest?: string }[];
      for (const part of ["version", "cpu", "accelerator", "identity"]) {
        const other = JSON.parse(manifest) as { memory: { machine: Record<string, string> } };
        other.memory.machine[part] = "another";
        // The version counts where the program is another.
        other.memory.machine["program"] = "another";
        database.prepare("UPDATE layers SET manifest = ?").run(JSON.stringify(other));
        await assert.rejects(SmolVM.fromSnapshot(id, { dataDir }), { code: "SNAPSHOT_INCOMPATIBLE" }, part);
      }
      database.prepare("UPDATE layers SET manifest = ?").run(manifest);
    } finally {
      database.close();
    }
    assert.equal(manager.listVms().length, 1);
    await assertRestores(manager.getSnapshot(id), "disk\nmemory\n");
    await manager.deleteSnapshot(id);
  });

  const canDrop = process.getuid?.() === 0 && findProgram("setpriv") !== undefined;
  test("where a VMM's memory cannot be read, it writes it itself", { skip: !canDrop }, async () => {
    // Without this right a process reads the memory of no process that has it.
    const under = ["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace"];
    await using client = await ClientProcess.start(dataDir, { under });
    await using vm = await launch();
    const open = await setScene(vm);
    const sight = await look(vm);
    const first = await client.call("snapshot", vm.vmId, {});
    assert.deepEqual([first.includesMemory, first.memoryFormat], [true, "stream"]);
    assert.deepEqual(files(dataDir, "pages"), [], "no pages were copied");
    const second = await client.call("snapshot", vm.vmId, {});
    await assertGoesOn(vm, sight);
    const names = await client.call("fork", vm.vmId, { names: ["whole-a", "whole-b"] });
    assert.deepEqual(names, ["whole-a", "whole-b"]);
    for (const id of [first.id, second.id]) {
      await using restored = await SmolVM.fromSnapshot(id, { dataDir });
      await assertGoesOn(restored, sight);
      // Its memory lies in no file: from here on the pages are all there is.
      const third = await restored.snapshot();
      assert.equal(third.memoryFormat, "pages");
      await using again = await SmolVM.fromSnapshot(third.id, { dataDir });
      await assertGoesOn(again, sight);
      await manager.deleteSnapshot(third.id);
    }
    await client.call("hibernate", vm.vmId);
    await vm.start();
    await assertGoesOn(vm, sight);
    for (const name of names) await manager.delete(name);
    for (const id of [first.id, second.id]) await manager.deleteSnapshot(id);
    open.kill("SIGKILL");
  });

  test("of one VM by four processes at once are all whole", async () => {
    await using vm = await launch();
    await using clients = await ClientProcess.startMany(4, dataDir);
    const made = await Promise.all(
      clients.all.map(async (client, index) =>
        index % 2 === 0
          ? (await client.call("snapshot", vm.vmId, {})).id
          : (await client.call("fork", vm.vmId, { names: [`by-${index}`] }))[0],
      ),
    );
    assert.deepEqual([made[1], made[3]], ["by-1", "by-3"]);
    const ids = manager.listSnapshots().map(({ id }) => id);
    const restored = await Promise.all(
      clients.all.map((client, index) => client.call("restore", ids[0] ?? "", { vmId: `copy-${index}` })),
    );
    assert.deepEqual(
      restored.map(({ status }) => status),
      ["running", "running", "running", "running"],
    );
    for (const { vmId } of manager.listVms()) {
      const each = await SmolVM.fromId(vmId, { dataDir });
      assert.equal(await contentOf(each), "disk\nmemory\n", vmId);
      await each.close();
    }
    for (const { vmId } of manager.listVms()) if (vmId !== vm.vmId) await manager.delete(vmId);
    for (const id of ids) await manager.deleteSnapshot(id);
  });

  test("one that is deleted while it is restored is restored, or not found", async () => {
    await using vm = await launch();
    await using client = await ClientProcess.start(dataDir);
    const outcomes: string[] = [];
    for (const delayMs of [0, 4, 8, 16, 32, 64]) {
      const { id } = await vm.snapshot();
      const restoring = client.settle("restore", id, { vmId: "raced" });
      await sleep(delayMs);
      await manager.deleteSnapshot(id);
      const { error } = await restoring;
      outcomes.push(error?.code ?? "restored");
      if (error === undefined) {
        const raced = await SmolVM.fromId("raced", { dataDir });
        assert.equal(await contentOf(raced), "disk\nmemory\n");
        await raced.close();
        await manager.delete("raced");
      }
    }
    for (const outcome of outcomes) assert.ok(["restored", "SNAPSHOT_NOT_FOUND"].includes(outcome), outcome);
  });
});

describe("a snapshot on a file system without room", () => {
  test("is refused before the VM is paused, and leaves nothing", { skip: process.getuid?.() !== 0 }, async (t) => {
    const dataDir = smallFileSystem(t);
    await using vm = await SmolVM.launch({ memoryMiB: 128, dataDir, from: "cold" });
    const filled = join(dataDir, "filler");
    execFileSync("sh", ["-c", `head -c 1T /dev/zero > ${filled} 2> /dev/null || true`]);
    truncateSync(filled, Math.max(0, statSync(filled).size - 2 * MIB));
    const before = readdirSync(join(dataDir, "disks"));
    // The VMM talks to one client at a time: while it talks to us, nobody can pause it.
    const held = connect(vm.info.socketPath ?? "");
    await once(held, "data");
    await assert.rejects(vm.snapshot(), { code: "NO_SPACE" });
    await assert.rejects(vm.fork(), { code: "NO_SPACE" });
    await assert.rejects(vm.stop({ keepMemory: true }), { code: "NO_SPACE" });
    held.destroy();
    assert.equal((await vm.refresh()).status, "running");
    assert.equal((await vm.run("echo fine")).stdout, "fine\n");
    assert.deepEqual(readdirSync(join(dataDir, "disks")), before);
    await vm.delete();
  });
});

function files(dataDir: string, name: string): string[] {
  const layers = join(dataDir, "layers");
  return readdirSync(layers).filter((layer) => layer !== ".locks" && readdirSync(join(layers, layer)).includes(name));
}

/** A data directory of 300 MiB. */
function smallFileSystem(t: TestContext): string {
  // Hooks run in the order in which they are given: this one before the one that removes the directory.
  t.after(() => void execFileSync("umount", ["-l", dir]));
  const dir = temporaryDir(t, "v-");
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=300m,mode=0700", "tmpfs", dir]);
  return dir;
}
