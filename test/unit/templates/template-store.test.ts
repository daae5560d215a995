import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { TemplateShape } from "../../../src/templates/template.ts";
import { TemplateStore } from "../../../src/templates/template-store.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";

const KEY = "ab".repeat(32);
const SHAPE: TemplateShape = {
  imageId: "image",
  vcpuCount: 1,
  memoryMiB: 512,
  diskMiB: 4_096,
  accelerator: "tcg",
  hasNetwork: true,
};

async function publish(store: TemplateStore, key = KEY): ReturnType<TemplateStore["publish"]> {
  const staged = await store.stage();
  writeFileSync(staged.memoryPath, "memory");
  writeFileSync(staged.statePath, "state");
  writeFileSync(staged.diskPath, "disk");
  return await store.publish(staged, key, SHAPE);
}

describe("the store of templates", () => {
  test("finds what was published, by its key alone", async (t) => {
    const store = new TemplateStore(join(temporaryDir(t), "templates"));
    assert.equal(await store.find(KEY), undefined);
    const { name } = await publish(store);
    assert.equal((await store.find(KEY))?.name, name);
    assert.equal(await store.find("cd".repeat(32)), undefined);
    assert.deepEqual(store.list()[0]?.manifest.shape, SHAPE);
    assert.deepEqual(store.abandoned(), []);
  });

  for (const [what, spoil] of [
    ["whose memory was written to", (path: string) => utimesSync(join(path, "memory"), 1, 1)],
    ["whose disk has another size", (path: string) => writeFileSync(join(path, "disk.qcow2"), "longer disk")],
    ["whose state has another content", (path: string) => writeFileSync(join(path, "state"), "statE")],
    ["of another format", (path: string) => writeFileSync(join(path, "template.json"), '{"formatVersion":2}')],
  ] as const) {
    test(`does not find one ${what}`, async (t) => {
      const store = new TemplateStore(join(temporaryDir(t), "templates"));
      const { dir } = await publish(store);
      for (const file of ["memory", "disk.qcow2", "state", "template.json"]) chmodSync(join(dir, file), 0o600);
      spoil(dir);
      assert.equal(await store.find(KEY), undefined);
      assert.deepEqual(store.list(), []);
    });
  }

  test("keeps disk and memory of a retired one as long as VMs or snapshots lie on it, beside its successor", async (t) => {
    const store = new TemplateStore(join(temporaryDir(t), "templates"));
    const old = await publish(store);
    await store.retire(old.name);
    assert.ok(existsSync(old.diskPath) && existsSync(old.memoryPath) && !existsSync(old.statePath));
    const next = await publish(store);
    assert.equal((await store.find(KEY))?.name, next.name);
    store.sweep((name) => name === old.name);
    assert.ok(existsSync(old.diskPath));
    store.sweep(() => false);
    assert.ok(!existsSync(old.dir) && existsSync(next.diskPath));
  });

  test("gives a directory back to a VM that says meanwhile that it uses it", async (t) => {
    const store = new TemplateStore(join(temporaryDir(t), "templates"));
    const { name, diskPath } = await publish(store);
    await store.retire(name);
    const answers = [false, true];
    store.sweep(() => answers.shift() ?? true);
    assert.ok(existsSync(diskPath));
  });

  test("knows the directories of makers that died", async (t) => {
    const store = new TemplateStore(join(temporaryDir(t), "templates"));
    const { dir } = await store.stage();
    assert.deepEqual(store.abandoned(), []);
    writeFileSync(join(dir, "maker.json"), '{"pid":1,"birth":"long ago"}');
    const half = join(store.dir, ".removing-x");
    mkdirSync(half);
    assert.deepEqual(store.abandoned().toSorted(), [half, dir].toSorted());
  });
});
