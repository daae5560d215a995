import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { findProgram } from "../../../src/host/find-program.ts";
import { buildInitramfs } from "../../../src/images/initramfs.ts";
import {
  type KernelModule,
  moduleName,
  parseModulesBuiltin,
  parseModulesDep,
  resolveModules,
  type WantedModule,
} from "../../../src/images/module-graph.ts";
import { openModuleTree, readDependencies } from "../../../src/images/module-tree.ts";
import { moduleFile } from "./synthetic.ts";

const MODULES_DEP = `kernel/drivers/virtio/virtio_pci.ko.xz: kernel/drivers/virtio/virtio.ko.xz kernel/drivers/virtio/virtio_ring.ko.xz
kernel/drivers/virtio/virtio.ko.xz: kernel/drivers/virtio/virtio_ring.ko.xz
kernel/drivers/virtio/virtio_ring.ko.xz:
kernel/drivers/char/hw_random/virtio-rng.ko.xz: kernel/drivers/virtio/virtio.ko.xz kernel/drivers/virtio/virtio_ring.ko.xz
`;

async function resolveNames(text: string, wanted: readonly WantedModule[], builtin: string[] = []): Promise<string[]> {
  const modules = parseModulesDep(text);
  const resolved = await resolveModules(wanted, async (name) => modules.get(name), new Set(builtin));
  return resolved.map(({ name }) => name);
}

test("a module's name is its file's, without suffixes and with underscores", () => {
  assert.equal(moduleName("kernel/drivers/char/hw_random/virtio-rng.ko.xz"), "virtio_rng");
  assert.equal(moduleName("kernel/fs/ext4/ext4.ko"), "ext4");
  assert.deepEqual(parseModulesBuiltin("kernel/fs/ext4/ext4.ko\n\n"), new Set(["ext4"]));
});

test("modules are put after what they need, else in the order in which they are wanted", async () => {
  const wanted = [{ name: "virtio_pci" }, { name: "virtio-rng" }];
  assert.deepEqual(await resolveNames(MODULES_DEP, wanted), ["virtio_ring", "virtio", "virtio_pci", "virtio_rng"]);
});

test("what is built into the kernel is left out", async () => {
  const wanted = [{ name: "ext4" }, { name: "virtio_rng" }];
  assert.deepEqual(await resolveNames(MODULES_DEP, wanted, ["ext4", "virtio", "virtio_ring"]), ["virtio_rng"]);
});

test("an optional module that is missing is skipped, another is an error with its name", async () => {
  assert.deepEqual(await resolveNames(MODULES_DEP, [{ name: "vmgenid", optional: true }]), []);
  await assert.rejects(resolveNames(MODULES_DEP, [{ name: "virtio_net" }]), {
    name: "ImageError",
    code: "IMAGE_BUILD_FAILED",
    message: /"virtio_net", which the guest needs/,
  });
  await assert.rejects(resolveNames("a.ko: b.ko\n", [{ name: "a" }]), /"b", which the module "a" needs/);
});

test("modules that need each other are an error that shows the cycle", async () => {
  await assert.rejects(resolveNames("a.ko: b.ko\nb.ko: c.ko\nc.ko: a.ko\n", [{ name: "a" }]), /a → b → c → a/);
});

test("the dependencies of a module are in its .modinfo section", () => {
  assert.deepEqual(readDependencies(moduleFile(["virtio-ring", "virtio"])), ["virtio_ring", "virtio"]);
  assert.deepEqual(readDependencies(moduleFile([])), []);
  assert.throws(() => readDependencies(Buffer.from("not a module")), RangeError);
});

async function moduleDir(t: TestContext, files: Readonly<Record<string, Buffer | string>>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "smolvm-modules-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), content);
  }
  return dir;
}

test("a tree without modules.dep is resolved from the modules themselves", async (t) => {
  const dir = await moduleDir(t, {
    "modules.builtin": "kernel/fs/ext4/ext4.ko\n",
    "kernel/a.ko": moduleFile(["b-c"]),
    "kernel/b-c.ko": moduleFile([]),
  });
  const tree = await openModuleTree(dir, { workDir: dir });
  const names = (await resolveModules([{ name: "a" }, { name: "ext4" }], tree.find, tree.builtin)).map((m) => m.name);
  assert.deepEqual(names, ["b_c", "a"]);
});

test("modules.dep is used where it exists", async (t) => {
  const dir = await moduleDir(t, { "modules.dep": "kernel/a.ko: kernel/b.ko\nkernel/b.ko:\n", "modules.builtin": "" });
  const tree = await openModuleTree(dir, { workDir: dir });
  const found = (await tree.find("a")) as KernelModule;
  assert.deepEqual(found, { name: "a", path: "kernel/a.ko", dependencies: ["b"] });
});

test("an initramfs holds the agent, uncompressed modules and their list in load order", async (t) => {
  const skip = ["xz", "cpio"].find((name) => findProgram(name) === undefined);
  if (skip) return t.skip(`${skip} is not installed`);
  const plain = moduleFile([]);
  const dir = await moduleDir(t, {
    "modules.builtin": "",
    "kernel/drivers/virtio-rng.ko.xz": execFileSync("xz", ["--stdout"], { input: moduleFile(["virtio"]) }),
    "kernel/virtio.ko.xz": execFileSync("xz", ["--stdout"], { input: plain }),
  });
  const modules = await openModuleTree(dir, { workDir: dir });
  const options = { agent: Buffer.from("agent"), kernelRelease: "6.0-test", modules, wanted: [{ name: "virtio_rng" }] };
  const initramfs = await buildInitramfs(options);
  assert.deepEqual(await buildInitramfs(options), initramfs);
  const extract = (path: string): Buffer =>
    execFileSync("cpio", ["-i", "--to-stdout", "--quiet", path], { input: initramfs });
  assert.equal(
    extract("smolvm/modules").toString(),
    "/lib/modules/6.0-test/kernel/virtio.ko\n/lib/modules/6.0-test/kernel/drivers/virtio-rng.ko\n",
  );
  assert.equal(extract("init").toString(), "agent");
  assert.deepEqual(extract("lib/modules/6.0-test/kernel/virtio.ko"), plain);
  const names = execFileSync("cpio", ["-t", "--quiet"], { input: initramfs, encoding: "utf8" }).split("\n");
  for (const name of ["dev", "dev/console", "lib", "newroot", "proc", "sys"]) assert.ok(names.includes(name), name);
});
