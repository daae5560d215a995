import assert from "node:assert/strict";
import { createWriteStream, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { SmolVM, SmolVMManager } from "../../src/index.ts";
import { assertNothingLeft } from "../support/data-dir-state.ts";
import { temporaryDir } from "../support/temporary-dir.ts";

/** Counts in a file, ten times a second, for as long as the VM's processes live. */
const COUNT = "i=0; while :; do i=$((i+1)); echo $i > /dev/shm/count; sleep 0.1; done";
const DIGESTS = "sha256sum /dev/shm/random /root/random /root/later";

describe("an exported snapshot", () => {
  after(async () => {
    for (const manager of [here, there]) {
      for (const { vmId } of manager.listVms()) await manager.delete(vmId);
      for (const { id } of manager.listSnapshots()) await manager.deleteSnapshot(id);
      await manager.close();
      await assertNothingLeft(manager.dataDir);
    }
  });
  const dir = temporaryDir({ after }, "v-");
  const here = new SmolVMManager({ dataDir: join(dir, "here") });
  const there = new SmolVMManager({ dataDir: join(dir, "there"), imageDir: join(dir, "images") });
  const path = join(dir, "saved.smolvm");
  const slimPath = join(dir, "slim.smolvm");
  let digests = "";
  let countBefore = 0;

  const handle = async (manager: SmolVMManager, vmId: string): Promise<SmolVM> =>
    await SmolVM.fromId(vmId, { dataDir: manager.dataDir, imageDir: manager.imageDir });
  const run = async (manager: SmolVMManager, vmId: string, script: string): Promise<string> => {
    const vm = await handle(manager, vmId);
    const { stdout, stderr, exitCode } = await vm.run(script);
    await vm.close();
    assert.equal(exitCode, 0, stderr);
    return stdout;
  };
  const assertGoesOn = async (manager: SmolVMManager, vmId: string): Promise<void> => {
    assert.equal(await run(manager, vmId, DIGESTS), digests);
    const count = Number(await run(manager, vmId, "sleep 0.5; cat /dev/shm/count"));
    assert.ok(count > countBefore, `${count} comes after ${countBefore}`);
    assert.equal(await run(manager, vmId, "hostname"), `${vmId}\n`);
  };

  before(async () => {
    const { vmId } = await here.create({ vmId: "origin", memoryMiB: 192, env: { WHO: "origin" } });
    await here.start(vmId);
    const vm = await handle(here, vmId);
    await vm.spawn(["sh", "-c", COUNT], { detached: true });
    await vm.run("head -c 3000000 /dev/urandom | tee /root/random > /dev/shm/random; sync");
    await here.snapshot(vmId, { name: "first" });
    // So that there are two layers, of memory and of disks.
    await vm.run("head -c 1000000 /dev/urandom > /root/later; sync; sleep 1");
    await here.snapshot(vmId, { name: "second" });
    digests = (await vm.run(DIGESTS)).stdout;
    countBefore = Number((await vm.run("cat /dev/shm/count")).stdout) - 20;
    await vm.close();
  });

  test("is one file, which is not overwritten, and cannot be of what is not there", async () => {
    const entries = new Set<string>();
    await here.exportSnapshot("second", path, { onProgress: ({ entry }) => entries.add(entry) });
    assert.deepEqual([...entries], ["state", "memory", "disk-0", "disk-1", "kernel", "initramfs", "rootfs.ext4"]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    await assert.rejects(here.exportSnapshot("second", path), { code: "FILE_EXISTS" });
    await assert.rejects(here.exportSnapshot("nothing", join(dir, "no")), { code: "SNAPSHOT_NOT_FOUND" });
    await assert.rejects(here.exportSnapshot("second", join(dir, "no"), { includeImage: 1 as never }), {
      code: "INVALID_OPTION",
    });
    const controller = new AbortController();
    const { signal } = controller;
    const onProgress = (): void => controller.abort(new Error("enough"));
    await assert.rejects(here.exportSnapshot("second", join(dir, "no"), { signal, onProgress }), { message: "enough" });
    assert.deepEqual(
      readdirSync(dir).filter((name) => /no|\.smolvm-/.test(name)),
      [],
    );
    await here.exportSnapshot("second", createWriteStream(slimPath), { includeImage: false });
    assert.ok(statSync(slimPath).size < statSync(path).size / 2);
    const text = readFileSync(path, "latin1");
    assert.ok(!text.includes(dir), "nothing refers to this machine's paths");
  });

  test("stays what it is when all that it was made of is deleted", async () => {
    await here.delete("origin");
    await here.deleteSnapshot("first");
    await here.deleteSnapshot("second");
    assert.deepEqual([here.listVms(), here.listSnapshots(), readdirSync(here.diskDir)], [[], [], []]);
  });

  test("without its image is refused where that is not", async () => {
    await assert.rejects(there.importSnapshot(slimPath), { code: "IMAGE_NOT_FOUND" });
    assert.deepEqual([there.listSnapshots(), readdirSync(there.diskDir)], [[], []]);
  });

  test("goes on elsewhere, as often as it is restored, and forks there", async () => {
    const info = await there.importSnapshot(path);
    assert.deepEqual([info.name, info.vmId, info.includesMemory], ["second", "origin", true]);
    assert.ok(info.config.rootfsPath.startsWith(`${there.imageDir}/`));
    for (const vmId of ["one", "two"]) {
      const restored = await there.restore("second", { vmId });
      assert.deepEqual([restored.startedFrom, restored.config.env], ["snapshot", { WHO: "origin" }]);
      await assertGoesOn(there, vmId);
    }
    const [fork] = await there.fork("two", { names: ["three"] });
    assert.equal(fork?.status, "fulfilled");
    await assertGoesOn(there, "three");
    for (const vmId of ["two", "three"]) await there.delete(vmId);
  });

  test("can be saved, exported and imported again, with what came after", async () => {
    await run(there, "one", "echo changed > /root/changed");
    await there.snapshot("one", { name: "third" });
    await there.deleteSnapshot("second");
    await there.delete("one");
    const again = join(dir, "again.smolvm");
    await there.exportSnapshot("third", again, { includeImage: false });
    await there.deleteSnapshot("third");
    assert.deepEqual(readdirSync(there.diskDir), []);
    await there.importSnapshot(again, { name: "fourth" });
    await there.restore("fourth", { vmId: "later" });
    await assertGoesOn(there, "later");
    assert.equal(await run(there, "later", "cat /root/changed"), "changed\n");
    await there.delete("later");
    await there.deleteSnapshot("fourth");
  });

  test("without its image is enough where that is", async () => {
    await here.importSnapshot(slimPath);
    await here.restore("second", { vmId: "back" });
    await assertGoesOn(here, "back");
    await here.snapshot("back", { name: "disk", includeMemory: false });
    await here.delete("back");
    await here.deleteSnapshot("second");
  });

  test("of a disk alone boots from it, also when it was deleted while it was exported", async () => {
    const diskPath = join(dir, "disk.smolvm");
    let deletion: Promise<void> | undefined;
    const onProgress = (): void => {
      deletion ??= here.deleteSnapshot("disk");
    };
    await here.exportSnapshot("disk", diskPath, { onProgress });
    await deletion;
    assert.deepEqual([here.listSnapshots(), readdirSync(here.diskDir)], [[], []]);
    const info = await there.importSnapshot(diskPath);
    assert.equal(info.includesMemory, false);
    const { startedFrom } = await there.restore("disk", { vmId: "booted" });
    assert.equal(startedFrom, "cold");
    const files = digests.split("\n").filter((line) => line.includes("/root/"));
    assert.equal(await run(there, "booted", "sha256sum /root/random /root/later"), `${files.join("\n")}\n`);
    await there.delete("booted");
    await there.deleteSnapshot("disk");
    for (const manager of [here, there]) {
      const left = readdirSync(join(manager.dataDir, "layers")).filter((name) => name !== ".locks");
      assert.deepEqual([readdirSync(manager.diskDir), left], [[], []]);
    }
  });

  test("of a VM with files of its own cannot be had", async () => {
    const { kernelPath, rootfsPath, initrdPath } = await here.images.resolve("debian");
    const { vmId } = await here.create({ kernelPath, rootfsPath, initrdPath });
    await here.snapshot(vmId, { name: "own" });
    const target = join(dir, "own.smolvm");
    await assert.rejects(here.exportSnapshot("own", target), { code: "UNSUPPORTED", message: /a kernel and a disk/ });
    assert.ok(!existsSync(target));
    await here.deleteSnapshot("own");
    await here.delete(vmId);
  });
});
