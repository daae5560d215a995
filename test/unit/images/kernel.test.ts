import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { findProgram } from "../../../src/host/find-program.ts";
import { identifyKernel, identifyKernelBytes } from "../../../src/images/kernel-file.ts";
import { unpackKernel } from "../../../src/images/vmlinux.ts";
import { arm64Image, bzImage, elf, lz4Frame } from "./synthetic.ts";

let workDir = "";
before(async () => {
  workDir = await mkdtemp(join(tmpdir(), "smolvm-kernel-"));
});
after(async () => {
  await rm(workDir, { recursive: true, force: true });
});

const vmlinux = elf({ pvh: true });
const size = Buffer.alloc(4);
size.writeUInt32LE(vmlinux.length);
const withSize = (packed: Buffer): Buffer => Buffer.concat([packed, size]);
const skipXz = findProgram("xz") ? false : "xz is not installed";

test("kernels are told apart by their magic numbers", async () => {
  assert.equal(identifyKernelBytes(vmlinux), "vmlinux");
  assert.equal(identifyKernelBytes(bzImage(Buffer.alloc(8))), "bzimage");
  assert.equal(identifyKernelBytes(arm64Image()), "arm64-image");
  assert.equal(identifyKernelBytes(Buffer.alloc(1024)), undefined);
  assert.equal(identifyKernelBytes(Buffer.from("\x7fEL", "latin1")), undefined);
  const path = join(workDir, "kernel");
  await writeFile(path, vmlinux);
  assert.equal(await identifyKernel(path), "vmlinux");
  await writeFile(path, "");
  assert.equal(await identifyKernel(path), undefined);
  await rm(path);
  await assert.rejects(identifyKernel(path), { code: "ENOENT" });
});

const packings: Readonly<Record<string, (plain: Buffer) => Buffer>> = {
  gzip: gzipSync,
  zstd: (plain) => withSize(zstdCompressSync(plain)),
  lz4: (plain) => withSize(lz4Frame(plain)),
};
for (const [name, pack] of Object.entries(packings)) {
  test(`the vmlinux is taken out of a bzImage packed with ${name}`, async () => {
    assert.deepEqual(await unpackKernel(bzImage(pack(vmlinux)), { workDir }), vmlinux);
  });
}

test("the vmlinux is taken out of a bzImage packed with xz", { skip: skipXz }, async () => {
  const packed = execFileSync("xz", ["--check=crc32", "--x86", "--lzma2", "--stdout"], { input: vmlinux });
  assert.deepEqual(await unpackKernel(bzImage(withSize(packed)), { workDir }), vmlinux);
  assert.deepEqual(await readdir(workDir), []);
});

test("a damaged xz payload is an error that leaves no file", { skip: skipXz }, async () => {
  const packed = Buffer.from(execFileSync("xz", ["--stdout"], { input: vmlinux }));
  packed.fill(0, 20, 40);
  await assert.rejects(unpackKernel(bzImage(withSize(packed)), { workDir }), { code: "IMAGE_BUILD_FAILED" });
  assert.deepEqual(await readdir(workDir), []);
});

test("a bzImage is kept when what is in it cannot be started through PVH, or cannot be unpacked", async () => {
  const withoutPvh = bzImage(gzipSync(elf({})));
  assert.equal(await unpackKernel(withoutPvh, { workDir }), withoutPvh);
  const unknown = bzImage(Buffer.from("BZh9 and more"));
  assert.equal(await unpackKernel(unknown, { workDir }), unknown);
  const old = bzImage(gzipSync(vmlinux), 0x0207);
  assert.equal(await unpackKernel(old, { workDir }), old);
});

test("an arm64 Image is taken as it is, gzipped, or from an EFI zboot image", async () => {
  const image = arm64Image();
  assert.deepEqual(await unpackKernel(image, { workDir }), image);
  assert.deepEqual(await unpackKernel(gzipSync(image), { workDir }), image);
  const packed = gzipSync(image);
  const zboot = Buffer.alloc(64);
  zboot.write("MZ\0\0zimg", 0, "latin1");
  zboot.writeUInt32LE(64, 8);
  zboot.writeUInt32LE(packed.length, 12);
  assert.deepEqual(await unpackKernel(Buffer.concat([zboot, packed]), { workDir }), image);
});

test("a file that is no kernel is refused", async () => {
  await assert.rejects(unpackKernel(Buffer.from("#!/bin/sh\n"), { workDir }), { code: "IMAGE_BUILD_FAILED" });
  await assert.rejects(unpackKernel(gzipSync(Buffer.from("text")), { workDir }), { code: "IMAGE_BUILD_FAILED" });
});
