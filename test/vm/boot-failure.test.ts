import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import type { TestContext } from "node:test";
import { SmolVM, SmolVMError, SmolVMManager, type VMConfig } from "../../src/index.ts";
import { ClientProcess } from "../support/client-process.ts";
import { assertNoProcess, assertNothingLeft } from "../support/data-dir-state.ts";
import { temporaryDir } from "../support/temporary-dir.ts";
import { testDataDir, testManager } from "../support/vm-fixture.ts";

let image: Required<Pick<VMConfig, "kernelPath" | "rootfsPath" | "initrdPath">>;

before(async () => {
  await using manager = new SmolVMManager();
  const { kernelPath, rootfsPath, initrdPath } = await manager.images.resolve("debian");
  image = { kernelPath, rootfsPath, initrdPath };
});

/** A file that is no initramfs. */
function garbage(t: TestContext): string {
  const path = join(temporaryDir(t), "initramfs");
  writeFileSync(path, "this is no initramfs");
  return path;
}

async function failureOf(work: Promise<unknown>): Promise<SmolVMError> {
  const error = await work.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof SmolVMError, String(error));
  return error;
}

describe("a boot that fails", () => {
  test("shows the end of the console, ends the VMM, and can be tried again", async (t) => {
    const manager = testManager(t);
    const initrdPath = garbage(t);
    const { vmId } = await manager.create({ ...image, initrdPath, bootArgs: "console=ttyS0 panic=-1" });
    for (let boot = 0; boot < 2; boot++) {
      const error = await failureOf(manager.start(vmId));
      assert.equal(error.code, "BOOT_FAILED");
      assert.match(error.message, /failed to boot/);
      assert.match(error.message, /console: .*Kernel panic/);
      assert.match(String(error.details["consoleTail"]), /Kernel panic/);
      assert.equal(error.details["vmId"], vmId);
      const info = manager.get(vmId);
      assert.deepEqual([info.status, info.pid], ["error", null]);
      assert.match(info.error ?? "", /failed to boot/);
      await assertNoProcess(manager.dataDir);
    }
    // The cause is gone: the same VM boots.
    writeFileSync(initrdPath, readFileSync(image.initrdPath));
    assert.equal((await manager.start(vmId)).status, "running");
    assert.equal(manager.get(vmId).error, null);
  });

  test("that takes too long ends with the deadline, and the VM starts with a longer one", async (t) => {
    const manager = testManager(t);
    const { vmId } = await manager.create({ bootArgs: "console=ttyS0 panic=-1" });
    const error = await failureOf(manager.start(vmId, { bootTimeoutMs: 700 }));
    assert.deepEqual([error.name, error.code], ["OperationTimeoutError", "TIMEOUT"]);
    assert.match(error.message, /was not ready within 700 ms/);
    assert.equal(typeof error.details["consoleTail"], "string");
    assert.match(error.hint, /bootTimeoutMs/);
    assert.equal(manager.get(vmId).status, "error");
    await assertNoProcess(manager.dataDir);
    assert.equal((await manager.start(vmId)).status, "running");
  });

  test("of a VM that was only to be launched leaves nothing", async (t) => {
    const dataDir = testDataDir(t);
    const error = await failureOf(SmolVM.launch({ ...image, initrdPath: garbage(t), dataDir }));
    assert.equal(error.code, "BOOT_FAILED");
    await assertNothingLeft(dataDir);
  });
});

test("a filesystem without anything in it boots, and has no command to run", async (t) => {
  const rootfsPath = join(temporaryDir(t), "empty.ext4");
  writeFileSync(rootfsPath, "");
  truncateSync(rootfsPath, 64 * 1024 * 1024);
  execFileSync("mkfs.ext4", ["-q", "-F", rootfsPath]);
  await using vm = await SmolVM.launch({ ...image, rootfsPath, dataDir: testDataDir(t) });
  const { exitCode, stderr } = await vm.run("echo hello");
  assert.equal(exitCode, 127);
  assert.match(stderr, /^smolvm: the command "\/bin\/sh" was not found in the guest\nsmolvm: hint: /);
});

describe("a launch that is aborted", () => {
  for (const afterMs of [0, 50, 300, 1_000]) {
    test(`after ${afterMs} ms rejects with the reason and leaves nothing`, async (t) => {
      const dataDir = testDataDir(t);
      const controller = new AbortController();
      const reason = new Error("not needed any more");
      const launching = SmolVM.launch({ dataDir, signal: controller.signal });
      setTimeout(() => controller.abort(reason), afterMs);
      await assert.rejects(launching, reason);
      await assertNothingLeft(dataDir);
    });
  }

  test("before it begins does not even make the disk", async (t) => {
    const dataDir = testDataDir(t);
    const reason = new Error("too late");
    await assert.rejects(SmolVM.launch({ dataDir, signal: AbortSignal.abort(reason) }), reason);
  });

  test("leaves the state from before where only a start was aborted", async (t) => {
    const manager = testManager(t);
    const { vmId } = await manager.create();
    const reason = new Error("enough");
    const start = async (): Promise<void> => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(reason), 300);
      await assert.rejects(manager.start(vmId, { signal: controller.signal }), reason);
      await assertNoProcess(manager.dataDir);
    };
    await start();
    assert.equal(manager.get(vmId).status, "created");
    await manager.start(vmId);
    await manager.stop(vmId);
    await start();
    assert.equal(manager.get(vmId).status, "stopped");
  });
});

describe("a QEMU that fails", () => {
  const qemu = process.arch === "arm64" ? "qemu-system-aarch64" : "qemu-system-x86_64";

  async function launchWith(t: TestContext, script: string): Promise<{ code?: string; message: string }> {
    const dataDir = testDataDir(t);
    const folder = temporaryDir(t);
    writeFileSync(join(folder, qemu), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, qemu), 0o755);
    await using client = await ClientProcess.start(dataDir, { env: { PATH: `${folder}:${process.env["PATH"]}` } });
    const { error } = await client.settle("launch", {});
    assert.ok(error);
    assert.equal(error.name, "SmolVMError");
    await client.kill();
    await assertNothingLeft(dataDir);
    return error;
  }

  test("at once is told with its exit code and its own words", async (t) => {
    const { code, message } = await launchWith(t, "echo 'the machine is on fire' >&2; exit 1");
    assert.equal(code, "BOOT_FAILED");
    assert.match(message, /exited with code 1/);
    assert.match(message, /vmm: the machine is on fire/);
  });

  test("with nonsense on its control socket is ended", async (t) => {
    const { code } = await launchWith(t, "echo nonsense >&3; exec sleep 1000");
    assert.equal(code, "BOOT_FAILED");
  });

  test("by a signal is told by its name", async (t) => {
    const { message } = await launchWith(t, "kill -SEGV $$");
    assert.match(message, /was ended by SIGSEGV/);
  });
});

test("a disk that is damaged is told in the words of QEMU", async (t) => {
  const manager = testManager(t);
  const { vmId } = await manager.create({ ...image });
  assert.ok(existsSync(join(manager.diskDir, `${vmId}.qcow2`)));
  writeFileSync(join(manager.diskDir, `${vmId}.qcow2`), "no disk at all");
  const error = await failureOf(manager.start(vmId));
  assert.equal(error.code, "BOOT_FAILED");
  assert.match(error.message, /vmm: .*qcow2/);
});
