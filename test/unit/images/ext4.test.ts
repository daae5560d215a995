import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { findProgram } from "../../../src/host/find-program.ts";
import { readExt4Superblock } from "../../../src/images/ext4.ts";
import { defaultSizeMiB, makeExt4 } from "../../../src/images/make-ext4.ts";
import { toolEnvironment } from "../../../src/images/run-tool.ts";

let dir = "";
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "smolvm-ext4-"));
});
after(async () => {
  await rm(dir, { recursive: true, force: true });
});

const MIB = 2 ** 20;
const uuid = "01234567-89ab-8def-8123-456789abcdef";
const path = (): string => join(dir, "fs.ext4");
const skip = findProgram("mkfs.ext4", toolEnvironment()["PATH"]) ? false : "mkfs.ext4 is not installed";

test("a filesystem of a directory tree is made without privilege, and its superblock read", { skip }, async () => {
  const tree = { dir: join(dir, "tree"), prefix: [] };
  await mkdir(join(tree.dir, "etc"), { recursive: true });
  await writeFile(join(tree.dir, "etc/hostname"), "guest\n");
  await makeExt4({ tree, path: path(), uuid, sizeMiB: 64 });
  const superblock = await readExt4Superblock(path());
  assert.equal(superblock?.sizeBytes, 64 * MIB);
  assert.equal(superblock.blockSizeBytes, 4096);
  assert.equal(superblock.uuid, uuid);
  assert.ok(superblock.freeBytes > 48 * MIB && superblock.freeBytes < 64 * MIB);
  assert.ok((await stat(path())).blocks * 512 < 2 * MIB, "it is sparse");
  execFileSync("e2fsck", ["-fn", path()], { stdio: "ignore", env: toolEnvironment() });
  const name = execFileSync("debugfs", ["-R", "cat /etc/hostname", path()], { stdio: "pipe", env: toolEnvironment() });
  assert.equal(name.toString(), "guest\n");
});

test(
  "a size that the content does not fit, or over 1023 MiB, is refused before anything is written",
  { skip },
  async () => {
    const tree = { dir: join(dir, "large"), prefix: [] };
    await mkdir(tree.dir, { recursive: true });
    await writeFile(join(tree.dir, "file"), "");
    await truncate(join(tree.dir, "file"), 40 * MIB);
    for (const sizeMiB of [32, 1024]) {
      await assert.rejects(makeExt4({ tree, path: join(dir, "refused"), uuid, sizeMiB }), {
        code: "IMAGE_BUILD_FAILED",
        message: new RegExp(`41 to 1023 MiB, got ${sizeMiB} MiB`),
      });
    }
    await assert.rejects(stat(join(dir, "refused")), { code: "ENOENT" });
  },
);

test("by default a filesystem has a quarter more than its content and at least 100 MiB free", () => {
  assert.equal(defaultSizeMiB(0), 112);
  assert.equal(defaultSizeMiB(160 * MIB), 272);
  assert.equal(defaultSizeMiB(600 * MIB), 752);
});

test("a file that holds no ext filesystem has no superblock", async () => {
  const other = join(dir, "other");
  for (const content of [Buffer.alloc(0), Buffer.alloc(1100, 0x53), Buffer.alloc(8192)]) {
    await writeFile(other, content);
    assert.equal(await readExt4Superblock(other), undefined);
  }
  await assert.rejects(readExt4Superblock(join(dir, "none")), { code: "ENOENT" });
});
