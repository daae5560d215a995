import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { SmolVM, SmolVMManager, type SmolVMManagerOptions } from "../../../src/index.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";

describe("a manager", () => {
  for (const options of [{ unknown: 1 }, { dataDir: "" }, { dataDir: 5 }, { socketDir: "a\0b" }, { backend: "xen" }]) {
    test(`refuses ${JSON.stringify(options)}`, () => {
      assert.throws(() => new SmolVMManager(options as unknown as SmolVMManagerOptions), {
        name: "ValidationError",
        code: "INVALID_OPTION",
      });
    });
  }

  test("refuses a data directory that is a file", (t) => {
    const dataDir = join(temporaryDir(t), "file");
    writeFileSync(dataDir, "");
    assert.throws(() => new SmolVMManager({ dataDir }), {
      name: "HostError",
      code: "IO_ERROR",
      message: new RegExp(dataDir),
    });
  });

  test("may be closed twice, and disposed after it", async (t) => {
    await using manager = new SmolVMManager({ dataDir: temporaryDir(t) });
    await manager.close();
    await manager.close();
  });

  test("tells where it keeps things", async (t) => {
    const dataDir = temporaryDir(t);
    await using manager = new SmolVMManager({ dataDir });
    assert.equal(manager.dataDir, dataDir);
    assert.equal(manager.diskDir, join(dataDir, "disks"));
    assert.equal(manager.socketDir, join(dataDir, "sockets"));
    assert.equal(manager.backend, "qemu");
  });

  test("knows nothing of a VM that does not exist", async (t) => {
    const dataDir = temporaryDir(t);
    await using manager = new SmolVMManager({ dataDir });
    const notFound = { name: "VMNotFoundError", code: "VM_NOT_FOUND", message: 'no VM has the id "nobody"' };
    assert.throws(() => manager.get("nobody"), notFound);
    assert.throws(() => manager.logPaths("nobody"), notFound);
    await assert.rejects(manager.start("nobody"), notFound);
    await assert.rejects(manager.stop("nobody"), notFound);
    await assert.rejects(manager.delete("nobody"), notFound);
    await assert.rejects(SmolVM.fromId("nobody", { dataDir }), notFound);
    await assert.rejects(SmolVMManager.fromId("nobody", { dataDir }), notFound);
    await assert.rejects(manager.start("No/Body"), { code: "INVALID_OPTION" });
  });

  test("a wrong option does not even make the data directory", async (t) => {
    const parent = temporaryDir(t);
    const dataDir = join(parent, "data");
    for (const options of [{ memoryMiB: 0 }, { backend: "firecracker" }, { unknown: true }] as const) {
      await assert.rejects(SmolVM.create({ ...options, dataDir }), { name: "ValidationError" });
    }
    assert.deepEqual(readdirSync(parent), []);
  });
});
