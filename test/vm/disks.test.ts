import assert from "node:assert/strict";
import { copyFileSync, constants, existsSync, readFileSync, truncateSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { describe, test } from "node:test";
import { SmolVM, SmolVMManager, type VMConfig } from "../../src/index.ts";
import { assertNothingLeft, filesIn } from "../support/data-dir-state.ts";
import { temporaryDir } from "../support/temporary-dir.ts";
import { testDataDir, testManager } from "../support/vm-fixture.ts";

/** The files of the default image. */
async function imageFiles(): Promise<Required<Pick<VMConfig, "kernelPath" | "rootfsPath" | "initrdPath">>> {
  await using manager = new SmolVMManager();
  const { kernelPath, rootfsPath, initrdPath } = await manager.images.resolve("debian");
  return { kernelPath, rootfsPath, initrdPath };
}

describe("a disk that is kept", () => {
  test("is taken up by the next VM of that id, and no other", async (t) => {
    const manager = testManager(t);
    const { dataDir, diskDir } = manager;
    const first = await SmolVM.launch({ dataDir, vmId: "keeper", retainDiskOnDelete: true });
    // Nothing syncs in between: delete() does where the disk stays.
    await first.run("echo kept > /root/note");
    await first.delete();
    await first.close();
    assert.deepEqual(filesIn(dataDir, "disks"), ["keeper.qcow2"]);
    assert.deepEqual(filesIn(dataDir, "vms"), []);
    await manager.reconcile();
    assert.deepEqual(filesIn(dataDir, "disks"), ["keeper.qcow2"], "reconcile() leaves it alone");

    const rootfsPath = join(temporaryDir(t), "other.ext4");
    const files = await imageFiles();
    copyFileSync(files.rootfsPath, rootfsPath, constants.COPYFILE_FICLONE);
    await assert.rejects(manager.create({ ...files, rootfsPath, vmId: "keeper" }), {
      name: "SmolVMError",
      code: "DISK_CONFLICT",
      message: new RegExp(`not of ${rootfsPath}`),
    });
    assert.deepEqual(manager.listVms(), []);
    assert.deepEqual(filesIn(dataDir, "vms"), []);
    assert.deepEqual(filesIn(dataDir, "disks"), ["keeper.qcow2"]);

    {
      await using second = await SmolVM.launch({ dataDir, vmId: "keeper" });
      assert.equal((await second.run("cat /root/note")).stdout, "kept\n");
    }
    assert.equal(existsSync(join(diskDir, "keeper.qcow2")), false, "the second VM did not ask to keep it");
  });
});

describe("a VM from paths", () => {
  test("boots, and its image stays as it was", async (t) => {
    const dataDir = testDataDir(t);
    const files = await imageFiles();
    await using vm = await SmolVM.launch({ dataDir, ...files });
    assert.equal(vm.info.config.image, undefined);
    await vm.run("echo written > /root/note; sync");
    assert.ok((await vm.run("cat /root/note")).ok);
    await vm.delete();
    await using next = await SmolVM.launch({ dataDir, ...files });
    assert.equal((await next.run("cat /root/note")).exitCode, 1);
  });

  test('diskMode "shared" writes into the file itself, which delete() keeps', async (t) => {
    const dataDir = testDataDir(t);
    const files = await imageFiles();
    const rootfsPath = join(temporaryDir(t), "own disk, with=odd name.ext4");
    copyFileSync(files.rootfsPath, rootfsPath);
    const before = createHash("sha256").update(readFileSync(rootfsPath)).digest("hex");
    const config = { ...files, rootfsPath, dataDir, diskMode: "shared" } as const;
    {
      await using vm = await SmolVM.launch(config);
      assert.deepEqual(filesIn(dataDir, "disks"), []);
      assert.ok((await vm.run("echo kept > /root/note")).ok);
    }
    assert.notEqual(createHash("sha256").update(readFileSync(rootfsPath)).digest("hex"), before);
    await using again = await SmolVM.launch(config);
    assert.equal((await again.run("cat /root/note")).stdout, "kept\n");
  });

  test("two VMs do not write into one shared disk at once", async (t) => {
    const dataDir = testDataDir(t);
    const files = await imageFiles();
    const rootfsPath = join(temporaryDir(t), "own.ext4");
    copyFileSync(files.rootfsPath, rootfsPath);
    const config = { ...files, rootfsPath, dataDir, diskMode: "shared" } as const;
    await using vm = await SmolVM.launch(config);
    await assert.rejects(SmolVM.launch(config), { code: "BOOT_FAILED", message: /lock/ });
    assert.ok((await vm.run("true")).ok);
  });

  test("without an initrdPath no command can be run in it, and it stops all the same", async (t) => {
    const dataDir = testDataDir(t);
    const { kernelPath, rootfsPath } = await imageFiles();
    {
      await using vm = await SmolVM.launch({ dataDir, kernelPath, rootfsPath });
      assert.equal(vm.canRunCommands(), false);
      assert.equal(vm.status, "running");
      await assert.rejects(vm.run("true"), {
        name: "CommandExecutionUnavailableError",
        code: "COMMAND_UNAVAILABLE",
        message: /without an initrdPath/,
      });
      await vm.stop({ timeoutMs: 200 });
      assert.equal(vm.status, "stopped");
    }
    await assertNothingLeft(dataDir);
  });

  test("a filesystem in a larger file is taken for what it is", async (t) => {
    const dataDir = testDataDir(t);
    const files = await imageFiles();
    const rootfsPath = join(temporaryDir(t), "larger.ext4");
    copyFileSync(files.rootfsPath, rootfsPath);
    truncateSync(rootfsPath, 300 * 1024 * 1024);
    await using vm = await SmolVM.create({ ...files, rootfsPath, dataDir });
    assert.equal(vm.info.config.diskMiB, 4096);
  });
});
