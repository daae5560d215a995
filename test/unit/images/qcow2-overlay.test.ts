import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { findProgram } from "../../../src/host/find-program.ts";
import {
  assertOwnQcow2,
  createQcow2Overlay,
  readQcow2Header,
  setQcow2Backing,
} from "../../../src/images/qcow2-overlay.ts";

let dir = "";
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "smolvm-qcow2-"));
});
after(async () => {
  await rm(dir, { recursive: true, force: true });
});

const KIB = 1024;
const GIB = 2 ** 30;
const TIB = 2 ** 40;
const skip = findProgram("qemu-img") && findProgram("qemu-io") ? false : "qemu-img is not installed";

interface ImageInfo {
  readonly format: string;
  readonly "virtual-size": number;
  readonly "backing-filename": string;
  readonly "backing-filename-format": string;
  readonly "format-specific": { readonly data: { readonly compat: string; readonly corrupt: boolean } };
}

async function overlay(name: string, sizeBytes: number, content = Buffer.alloc(64 * KIB, "pattern")): Promise<string> {
  const backingPath = join(dir, `${name}.raw`);
  await writeFile(backingPath, content);
  const path = join(dir, `${name}.qcow2`);
  await createQcow2Overlay({ path, backingPath, backingFormat: "raw", sizeBytes });
  return path;
}

for (const [label, sizeBytes] of Object.entries({
  "512 bytes": 512,
  "an odd number of sectors": 512 * 12_345,
  "512 MiB, one L1 entry": GIB / 2,
  "a sector more than one L1 entry": GIB / 2 + 512,
  "4 GiB": 4 * GIB,
  "4 TiB, a whole cluster of L1": 4 * TIB,
  "a sector more than a cluster of L1": 4 * TIB + 512,
  "9 TiB": 9 * TIB,
  "2 PiB, the largest": 2048 * TIB,
})) {
  test(`QEMU finds nothing wrong with an overlay of ${label}`, { skip }, async () => {
    const path = await overlay(`size-${sizeBytes}`, sizeBytes);
    execFileSync("qemu-img", ["check", "-q", path]);
    const info = JSON.parse(
      execFileSync("qemu-img", ["info", "--output=json", path], { encoding: "utf8" }),
    ) as ImageInfo;
    assert.equal(info.format, "qcow2");
    assert.equal(info["virtual-size"], sizeBytes);
    assert.equal(info["backing-filename"], path.replace(".qcow2", ".raw"));
    assert.equal(info["backing-filename-format"], "raw");
    assert.equal(info["format-specific"].data.compat, "1.1");
    assert.equal(info["format-specific"].data.corrupt, false);
    const { blocks, mode } = await stat(path);
    assert.ok(blocks * 512 <= 32 * KIB, `${blocks} blocks allocated`);
    assert.equal(mode & 0o777, 0o600);
  });
}

test("an overlay shows its backing file, then zeros, and keeps what is written over it", { skip }, async () => {
  const content = Buffer.alloc(200 * KIB, "what lies below");
  const path = await overlay("content", 5 * TIB, content);
  const writes = ["write -q -P 0x5a 70000 5000", `write -q -P 0xa5 ${4.5 * TIB} 65536`];
  execFileSync("qemu-io", ["-f", "qcow2", ...writes.flatMap((command) => ["-c", command]), path]);
  execFileSync("qemu-img", ["check", "-q", path]);
  const out = execFileSync(
    "qemu-io",
    ["-f", "qcow2", "-c", `read -P 0xa5 ${4.5 * TIB} 65536`, "-c", `read -P 0 ${200 * KIB} 1M`, path],
    { encoding: "utf8" },
  );
  assert.doesNotMatch(out, /verification failed/);
  const small = await overlay("convert", 1024 * KIB, content);
  execFileSync("qemu-io", ["-f", "qcow2", "-c", "write -q -P 0x5a 70000 5000", small]);
  const flat = join(dir, "flat.raw");
  execFileSync("qemu-img", ["convert", "-O", "raw", small, flat]);
  const expected = Buffer.concat([content, Buffer.alloc(824 * KIB)]);
  expected.fill(0x5a, 70_000, 75_000);
  assert.ok((await readFile(flat)).equals(expected));
  assert.ok((await readFile(small.replace(".qcow2", ".raw"))).equals(content));
});

test("a backing path may be 1023 bytes long, and is read back", { skip }, async () => {
  let deep = join(dir, "deep-é");
  while (Buffer.byteLength(deep) < 1023 - 100) deep = join(deep, "d".repeat(80));
  await mkdir(deep, { recursive: true });
  const backingPath = join(deep, "b".repeat(1023 - Buffer.byteLength(deep) - 1));
  assert.equal(Buffer.byteLength(backingPath), 1023);
  await writeFile(backingPath, Buffer.alloc(4096, 7));
  const path = join(dir, "long.qcow2");
  await createQcow2Overlay({ path, backingPath, backingFormat: "raw", sizeBytes: 4096 });
  execFileSync("qemu-img", ["check", "-q", path]);
  execFileSync("qemu-io", ["-f", "qcow2", "-c", "read -q -P 7 0 4096", path]);
  const header = await readQcow2Header(path);
  assert.deepEqual([header?.backingPath, header?.isEmpty], [backingPath, true]);
  await assert.rejects(
    createQcow2Overlay({ path: `${path}2`, backingPath: `${backingPath}b`, backingFormat: "raw", sizeBytes: 4096 }),
    { code: "INVALID_OPTION" },
  );
});

test("sizes and paths that the format cannot hold are refused, and nothing is made", async () => {
  const path = join(dir, "refused.qcow2");
  const good = { path, backingPath: "/nowhere", backingFormat: "raw", sizeBytes: 4096 } as const;
  for (const sizeBytes of [0, -512, 511, 513, 1.5, Number.NaN, 2048 * TIB + 512]) {
    await assert.rejects(createQcow2Overlay({ ...good, sizeBytes }), { code: "INVALID_OPTION" }, String(sizeBytes));
  }
  for (const backingPath of ["relative.raw", "nbd:host", "/with\0nul"]) {
    await assert.rejects(createQcow2Overlay({ ...good, backingPath }), { code: "INVALID_OPTION" }, backingPath);
  }
  assert.ok(!(await readdir(dir)).includes("refused.qcow2"));
});

test("a file that exists is never overwritten", async () => {
  const path = join(dir, "exists.qcow2");
  await writeFile(path, "precious");
  await assert.rejects(createQcow2Overlay({ path, backingPath: "/nowhere", backingFormat: "raw", sizeBytes: 4096 }), {
    code: "DISK_CONFLICT",
  });
  assert.equal(await readFile(path, "utf8"), "precious");
});

test("a directory that does not exist is an error of input and output", async () => {
  await assert.rejects(
    createQcow2Overlay({ path: join(dir, "no/such.qcow2"), backingPath: "/x", backingFormat: "raw", sizeBytes: 512 }),
    { code: "IO_ERROR" },
  );
});

test("a file that is no qcow2 file, or a damaged one, has no backing path", async () => {
  const path = join(dir, "other");
  for (const content of [Buffer.alloc(0), Buffer.from("QFI\xfb", "latin1"), Buffer.alloc(4096, 1)]) {
    await writeFile(path, content);
    assert.equal(await readQcow2Header(path), undefined);
  }
});

test(
  "an overlay is laid over another file, and keeps its data, also after QEMU has changed its header",
  { skip },
  async () => {
    const path = await overlay("moved", 1024 * KIB);
    // It grows beyond the first table of L1, and gets extensions in its header.
    execFileSync("qemu-io", ["-f", "qcow2", "-c", "write -q -P 0x5a 70000 5000", path]);
    execFileSync("qemu-img", ["resize", "-q", path, "5T"]);
    execFileSync("qemu-img", ["bitmap", "--add", path, "some-bitmap"]);
    execFileSync("qemu-io", ["-f", "qcow2", "-c", `write -q -P 0xa5 ${4.5 * TIB} 65536`, path]);
    for (const format of ["raw", "qcow2"] as const) {
      const backingPath = join(dir, `elsewhere.${format}`);
      if (format === "raw") await writeFile(backingPath, Buffer.alloc(64 * KIB, 0x33));
      else await copyFile(join(dir, "content.qcow2"), backingPath);
      await setQcow2Backing(path, backingPath, format);
      const header = await readQcow2Header(path);
      assert.deepEqual([header?.backingPath, header?.sizeBytes], [backingPath, 5 * TIB]);
      const info = execFileSync("qemu-img", ["info", "--output=json", path], { encoding: "utf8" });
      assert.equal((JSON.parse(info) as ImageInfo)["backing-filename-format"], format);
      assert.doesNotMatch(info, /some-bitmap/);
      const read = [`read -P 0x5a 70000 5000`, `read -P 0xa5 ${4.5 * TIB} 65536`];
      if (format === "raw") read.push("read -P 0x33 0 64K");
      const out = execFileSync("qemu-io", ["-f", "qcow2", ...read.flatMap((command) => ["-c", command]), path], {
        encoding: "utf8",
      });
      assert.doesNotMatch(out, /verification failed/);
    }
  },
);

test("a disk that could make QEMU open another file than its backing file is told from our own", { skip }, async () => {
  const own = await overlay("own", 1024 * KIB);
  await assertOwnQcow2(own);
  const foreign: Readonly<Record<string, readonly string[]>> = {
    "data in another file": ["-f", "qcow2", "-o", `data_file=${join(dir, "data.raw")}`],
    "an older version": ["-f", "qcow2", "-o", "compat=0.10"],
    "clusters of another size": ["-f", "qcow2", "-o", "cluster_size=4096"],
    "another compression": ["-f", "qcow2", "-o", "compression_type=zstd"],
    "a VMDK": ["-f", "vmdk"],
    "a raw disk": ["-f", "raw"],
  };
  for (const [what, options] of Object.entries(foreign)) {
    const path = join(dir, "foreign");
    await rm(path, { force: true });
    execFileSync("qemu-img", ["create", "-q", ...options, path, "1M"]);
    const before = await readFile(path);
    const refused = { code: "UNSUPPORTED", message: /no disk of the kind that this package writes/ };
    await assert.rejects(assertOwnQcow2(path), refused, what);
    await assert.rejects(setQcow2Backing(path, "/nowhere", "raw"), refused, what);
    assert.ok((await readFile(path)).equals(before), what);
  }
  await assert.rejects(setQcow2Backing(own, "relative", "raw"), { code: "INVALID_OPTION" });
  // Of its own making qemu-img measures the CPU first, which fails on a busy machine.
  const encrypted = await readFile(own);
  encrypted.writeUInt32BE(2, 32); // docs/interop/qcow2.rst: crypt_method, LUKS
  await writeFile(own, encrypted);
  await assert.rejects(assertOwnQcow2(own), { code: "UNSUPPORTED" }, "encryption");
});
