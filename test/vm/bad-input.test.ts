import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { SmolVM, SmolVMError, SmolVMManager, type SmolVMLaunchOptions } from "../../src/index.ts";
import { ClientProcess } from "../support/client-process.ts";
import { assertNothingLeft } from "../support/data-dir-state.ts";
import { temporaryDir } from "../support/temporary-dir.ts";
import { testDataDir } from "../support/vm-fixture.ts";

interface Expected {
  readonly name: string;
  readonly code: string;
  readonly message: RegExp;
}

/** Asserts that a launch is refused with a typed error that helps, and that it leaves nothing. */
async function assertRefused(options: object, expected: Expected): Promise<void> {
  const { dataDir = "" } = options as SmolVMLaunchOptions;
  const error = await SmolVM.launch(options).then(
    () => new Error("it was launched"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof SmolVMError, String(error));
  assert.deepEqual([error.name, error.code], [expected.name, expected.code], error.message);
  assert.match(error.message, expected.message);
  assert.match(error.hint, /\w/);
  await assertNothingLeft(dataDir);
}

const invalid = (message: RegExp): Expected => ({ name: "ValidationError", code: "INVALID_OPTION", message });

describe("a VM is refused, with nothing left behind, for", () => {
  const wrong: readonly (readonly [what: string, options: object, expected: Expected])[] = [
    ["an option that there is not", { memory: 512 }, invalid(/^VMConfig has no option "memory"$/)],
    ["a memory of 0", { memoryMiB: 0 }, invalid(/^memoryMiB must be a whole number from 64 .*, got 0$/)],
    ["a memory of -1", { memoryMiB: -1 }, invalid(/got -1$/)],
    ["a memory of lots", { memoryMiB: "lots" }, invalid(/got "lots"$/)],
    ["an id with a slash", { vmId: "../evil" }, invalid(/^vmId must match .*, got "\.\.\/evil"$/)],
    ["an id in upper case", { vmId: "VM" }, invalid(/^vmId must match/)],
    ["an image and a kernel", { image: "debian", kernelPath: "/k", rootfsPath: "/r" }, invalid(/exclude each other/)],
    ["a kernel without a root filesystem", { kernelPath: "/k" }, invalid(/given together/)],
    ["a variable whose name holds =", { env: { "A=B": "c" } }, invalid(/^env must have names without '='/)],
    ["a disk smaller than the image", { diskMiB: 10 }, invalid(/^diskMiB must be at least \d+, .*, got 10$/)],
    ["a boot timeout of 0", { bootTimeoutMs: 0 }, invalid(/^bootTimeoutMs must be a number .*, got 0$/)],
    ["a boot timeout in words", { bootTimeoutMs: "soon" }, invalid(/^bootTimeoutMs must be a number .*, got "soon"$/)],
    [
      "an image that there is not",
      { image: "no-such-image" },
      { name: "ImageError", code: "IMAGE_NOT_FOUND", message: /no-such-image/ },
    ],
    [
      "a backend that is not part of this release",
      { backend: "firecracker" },
      { name: "ValidationError", code: "UNSUPPORTED", message: /"firecracker" is not part of this release/ },
    ],
    [
      "a network that the backend does not have",
      { network: "tap" },
      { name: "NetworkError", code: "NETWORK_UNAVAILABLE", message: /network "tap" is not available .* it has: user/ },
    ],
  ];
  for (const [what, options, expected] of wrong) {
    test(what, async (t) => await assertRefused({ ...options, dataDir: testDataDir(t) }, expected));
  }
});

describe("a VM from paths is refused, with nothing left behind, for", () => {
  let kernelPath: string;
  let rootfsPath: string;
  before(async () => {
    await using manager = new SmolVMManager();
    ({ kernelPath, rootfsPath } = await manager.images.resolve("debian"));
  });

  const path = (message: RegExp): Expected => ({ name: "ValidationError", code: "INVALID_PATH", message });

  test("files that do not exist", async (t) => {
    const dataDir = testDataDir(t);
    const none = "/no/such/file";
    await assertRefused(
      { dataDir, kernelPath: none, rootfsPath },
      path(/^kernelPath must be a file, and \/no\/such\/file does not exist$/),
    );
    await assertRefused({ dataDir, kernelPath, rootfsPath: none }, path(/^rootfsPath must be a file/));
    await assertRefused({ dataDir, kernelPath, rootfsPath, initrdPath: none }, path(/^initrdPath must be a file/));
  });

  test("a directory, or a device, in the place of a file", async (t) => {
    const dataDir = testDataDir(t);
    const folder = temporaryDir(t);
    await assertRefused({ dataDir, kernelPath: folder, rootfsPath }, path(/is a directory$/));
    await assertRefused({ dataDir, kernelPath, rootfsPath: folder }, path(/is a directory$/));
    await assertRefused({ dataDir, kernelPath, rootfsPath: "/dev/null" }, path(/is no regular file$/));
    await assertRefused(
      { dataDir, kernelPath: join(kernelPath, "below"), rootfsPath },
      path(/does not exist|cannot be/),
    );
  });

  test("a file that is no kernel", async (t) => {
    const dataDir = testDataDir(t);
    const folder = temporaryDir(t);
    const kernel = { name: "ValidationError", code: "INVALID_KERNEL", message: /^kernelPath must be a kernel/ };
    for (const [name, content] of [
      ["text", "hello"],
      ["empty", ""],
      ["zeros", "\0".repeat(100_000)],
    ] as const) {
      writeFileSync(join(folder, name), content);
      await assertRefused({ dataDir, kernelPath: join(folder, name), rootfsPath }, kernel);
    }
  });

  test("a file that is no ext4 filesystem", async (t) => {
    const dataDir = testDataDir(t);
    const folder = temporaryDir(t);
    const rootfs = {
      name: "ValidationError",
      code: "INVALID_ROOTFS",
      message: /^rootfsPath must hold an ext4 filesystem/,
    };
    for (const [name, content] of [
      ["text", "hello"],
      ["empty", ""],
      ["zeros", "\0".repeat(100_000)],
    ] as const) {
      writeFileSync(join(folder, name), content);
      await assertRefused({ dataDir, kernelPath, rootfsPath: join(folder, name) }, rootfs);
    }
    await assertRefused({ dataDir, kernelPath, rootfsPath: kernelPath }, rootfs);
  });

  test("a file that was cut off behind the head of its filesystem", async (t) => {
    const dataDir = testDataDir(t);
    const cut = join(temporaryDir(t), "cut.ext4");
    copyFileSync(rootfsPath, cut);
    truncateSync(cut, 1024 * 1024);
    await assertRefused(
      { dataDir, kernelPath, rootfsPath: cut },
      { name: "ValidationError", code: "INVALID_ROOTFS", message: /cut\.ext4/ },
    );
  });
});

describe("a VM is refused on a machine", () => {
  test("with an id that exists, whose VM stays as it is", async (t) => {
    const dataDir = testDataDir(t);
    await using manager = new SmolVMManager({ dataDir });
    const before = await manager.create({ vmId: "taken", env: { A: "1" } });
    for (const config of [{ vmId: "taken" }, { vmId: "taken", diskMiB: 8192 }]) {
      await assert.rejects(manager.create(config), {
        name: "VMAlreadyExistsError",
        code: "VM_ALREADY_EXISTS",
        message: 'a VM with the id "taken" exists already',
        details: { vmId: "taken" },
      });
    }
    assert.deepEqual(manager.get("taken"), before);
    assert.ok(existsSync(join(manager.diskDir, "taken.qcow2")));
    await manager.delete("taken");
  });

  test("without QEMU", async (t) => {
    const dataDir = testDataDir(t);
    await using client = await ClientProcess.start(dataDir, { env: { PATH: temporaryDir(t) } });
    const { error } = await client.settle("launch", {});
    assert.deepEqual([error?.name, error?.code], ["HostError", "PREREQUISITE_MISSING"]);
    assert.match(error?.message ?? "", /QEMU is missing: no "qemu-system-/);
    await client.kill();
    await assertNothingLeft(dataDir);
  });

  test("with an accelerator that it does not have, or that there is not", async (t) => {
    const dataDir = testDataDir(t);
    for (const [accelerator, name, code] of [
      [process.platform === "darwin" ? "kvm" : "hvf", "HostError", "ACCELERATOR_UNAVAILABLE"],
      ["turbo", "ValidationError", "INVALID_OPTION"],
    ] as const) {
      await using client = await ClientProcess.start(dataDir, { env: { SMOLVM_ACCEL: accelerator } });
      const { error } = await client.settle("launch", {});
      assert.deepEqual([error?.name, error?.code], [name, code]);
      assert.match(error?.message ?? "", new RegExp(`SMOLVM_ACCEL.*${accelerator}`));
      await client.kill();
      await assertNothingLeft(dataDir);
    }
  });

  test("whose data directory is a file, or lies below one", async (t) => {
    const folder = temporaryDir(t);
    const file = join(folder, "file");
    writeFileSync(file, "");
    for (const dataDir of [file, join(file, "below")]) {
      await assert.rejects(SmolVM.launch({ dataDir }), {
        name: "HostError",
        code: "IO_ERROR",
        message: new RegExp(file),
      });
    }
  });

  test("whose state database is a directory, or no database", async (t) => {
    for (const spoil of [
      (path: string) => mkdirSync(path),
      (path: string) => writeFileSync(path, "no database".repeat(99)),
    ]) {
      const dataDir = temporaryDir(t);
      spoil(join(dataDir, "smolvm.db"));
      await assert.rejects(SmolVM.launch({ dataDir }), {
        name: "HostError",
        code: "STATE_ERROR",
        message: /smolvm\.db/,
      });
    }
  });
});
