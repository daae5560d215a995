import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { PAGE_BYTES } from "../../../src/snapshots/memory/page.ts";
import { PagesFile } from "../../../src/snapshots/memory/pages-file.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";
import { capturedOf, pageOf, PAGES, SIZE_BYTES } from "./memory-fixture.ts";

const CORRUPT = { name: "SmolVMError", code: "SNAPSHOT_CORRUPT" };
const CONTENT = { 3: "a", 4: "b", 5: "", 6: "", 9: "c", [PAGES - 1]: "last" };
const DATA_OFFSET = PAGE_BYTES;

async function pagesFile(t: TestContext): Promise<{ path: string; directory: string; sha256: string }> {
  const directory = temporaryDir(t);
  const path = join(directory, "pages");
  await using captured = await capturedOf(CONTENT, { directory, hasBase: true });
  const { sha256 } = await captured.write(path, { parents: [] });
  return { path, directory, sha256 };
}

/** A file with other content beside the good one. */
function altered(path: string, alter: (bytes: Buffer) => Buffer | void, isSigned = false): string {
  const bytes = readFileSync(path);
  const result = alter(bytes) ?? bytes;
  if (isSigned) {
    const indexEnd = 64 + 12 * result.readUInt32LE(28);
    const digest = createHash("sha256").update(result.subarray(0, 32)).update(result.subarray(64, indexEnd)).digest();
    digest.copy(result, 32);
  }
  const other = `${path}-altered`;
  writeFileSync(other, result);
  return other;
}

test("a pages file holds the data of pages, and of zeros only where they are", async (t) => {
  const { path, sha256 } = await pagesFile(t);
  await using file = await PagesFile.open(path);
  assert.equal(file.sizeBytes, SIZE_BYTES);
  assert.equal(file.pageCount, 4);
  assert.deepEqual(
    file.runs.map(({ page, count, kind, offset }) => [page, count, kind, kind === "data" ? offset : 0]),
    [
      [3, 2, "data", DATA_OFFSET],
      [5, 2, "zero", 0],
      [9, 1, "data", DATA_OFFSET + 2 * PAGE_BYTES],
      [PAGES - 1, 1, "data", DATA_OFFSET + 3 * PAGE_BYTES],
    ],
  );
  const bytes = Buffer.alloc(2 * PAGE_BYTES);
  await file.read(bytes, DATA_OFFSET + PAGE_BYTES);
  assert.ok(bytes.equals(Buffer.concat([pageOf("b"), pageOf("c")])));
  await file.verify(sha256);
});

test("what write() answers is true of the file, which nobody may write to", async (t) => {
  const directory = temporaryDir(t);
  const path = join(directory, "pages");
  await using captured = await capturedOf(CONTENT, { directory, hasBase: true, maxPagesInMemory: 3 });
  const written = await captured.write(path, { parents: [] });
  const bytes = readFileSync(path);
  assert.deepEqual(written, {
    pages: 4,
    bytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  });
  assert.equal(statSync(path).mode & 0o777, 0o400);
  assert.deepEqual(readdirSync(directory), ["pages"]);
});

test("a capture without changes makes a file without pages", async (t) => {
  const directory = temporaryDir(t);
  await using captured = await capturedOf({}, { directory, hasBase: false });
  await captured.write(join(directory, "pages"), { parents: [] });
  await using file = await PagesFile.open(join(directory, "pages"));
  assert.deepEqual([file.pageCount, file.runs], [0, []]);
});

test("every altered byte before the data is found", async (t) => {
  const { path } = await pagesFile(t);
  // All of the header and the index, and samples of the zeros behind it.
  for (let at = 0; at < DATA_OFFSET; at += at < 160 ? 1 : 97) {
    const other = altered(path, (bytes) => void (bytes[at] = (bytes[at] ?? 0) ^ 0x10));
    const isVersion = at >= 8 && at < 12;
    const expected = isVersion ? { code: "SNAPSHOT_INCOMPATIBLE" } : CORRUPT;
    await assert.rejects(PagesFile.open(other), expected, `byte ${at}`);
  }
});

test("an altered byte of the data is found by the digest", async (t) => {
  const { path, sha256 } = await pagesFile(t);
  await using file = await PagesFile.open(altered(path, (bytes) => void (bytes[DATA_OFFSET + 5_000] = 0)));
  await assert.rejects(file.verify(sha256), CORRUPT);
});

test("a file that is cut off anywhere, or goes on, is refused", async (t) => {
  const { path } = await pagesFile(t);
  const { size } = statSync(path);
  for (const length of [0, 7, 8, 63, 64, 65, 100, DATA_OFFSET - 1, DATA_OFFSET, DATA_OFFSET + 1, size - 1]) {
    await assert.rejects(PagesFile.open(altered(path, (bytes) => bytes.subarray(0, length))), CORRUPT, `${length}`);
  }
  await assert.rejects(PagesFile.open(altered(path, (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]))), CORRUPT);
});

const firstRun = 64;
const secondRun = 76;
for (const [what, alter] of Object.entries({
  "a run before the one before it": (bytes: Buffer) => bytes.writeUInt32LE(2, secondRun),
  "runs that overlap": (bytes: Buffer) => bytes.writeUInt32LE(4, secondRun),
  "a run of no pages": (bytes: Buffer) => bytes.writeUInt32LE(0, secondRun + 4),
  "a run beyond the memory": (bytes: Buffer) => bytes.writeUInt32LE(PAGES, firstRun + 36),
  "a run of more pages than there are": (bytes: Buffer) => bytes.writeUInt32LE(0xffffffff, firstRun + 36 + 4),
  "a kind that does not exist": (bytes: Buffer) => bytes.writeUInt32LE(3, firstRun + 8),
  "data of zeros that is not there": (bytes: Buffer) => bytes.writeUInt32LE(0, secondRun + 8),
  "more data than runs have": (bytes: Buffer) => bytes.writeUInt32LE(1, firstRun + 8),
  "a memory of no bytes": (bytes: Buffer) => bytes.writeBigUInt64LE(0n, 16),
  "a memory of half a page": (bytes: Buffer) => bytes.writeBigUInt64LE(BigInt(SIZE_BYTES + 2048), 16),
  "a memory that is too large": (bytes: Buffer) => bytes.writeBigUInt64LE(2n ** 63n, 16),
  "a memory that is smaller": (bytes: Buffer) => bytes.writeBigUInt64LE(BigInt(SIZE_BYTES - PAGE_BYTES), 16),
  "pages of another size": (bytes: Buffer) => bytes.writeUInt32LE(16_384, 12),
})) {
  test(`an index with ${what} is refused, whoever signed it`, async (t) => {
    const { path } = await pagesFile(t);
    await assert.rejects(PagesFile.open(altered(path, (bytes) => void alter(bytes), true)), CORRUPT);
  });
}

test("a file that claims more runs than there can be is refused before they are read", async (t) => {
  const { path } = await pagesFile(t);
  const huge = altered(path, (bytes) => {
    bytes.writeBigUInt64LE(2n ** 42n, 16);
    bytes.writeUInt32LE(0xffffffff, 28);
  });
  await assert.rejects(PagesFile.open(huge), CORRUPT);
});

test("what is no regular file is refused, also one that nobody writes into", async (t) => {
  const directory = temporaryDir(t);
  mkdirSync(join(directory, "directory"));
  execFileSync("mkfifo", [join(directory, "fifo")]);
  for (const name of ["directory", "fifo"]) await assert.rejects(PagesFile.open(join(directory, name)), CORRUPT, name);
  await assert.rejects(PagesFile.open("/dev/zero"), CORRUPT);
  await assert.rejects(PagesFile.open(join(directory, "absent")), { code: "IO_ERROR" });
});

test("nothing is left of a file that could not be written", async (t) => {
  const directory = temporaryDir(t);
  await using captured = await capturedOf(CONTENT, { directory, hasBase: true });
  await assert.rejects(captured.write(join(directory, "no", "pages"), { parents: [] }), { code: "IO_ERROR" });
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(captured.write(join(directory, "pages"), { parents: [], signal }), { message: "enough" });
  assert.deepEqual(readdirSync(directory), []);
});

test("pages that fit neither into memory nor into the directory are an error of input and output", async (t) => {
  const directory = join(temporaryDir(t), "absent");
  await assert.rejects(capturedOf(CONTENT, { directory, hasBase: true, maxPagesInMemory: 1 }), { code: "IO_ERROR" });
});

test("a page that a parent holds already is not written again", async (t) => {
  const directory = temporaryDir(t);
  const paths = ["one", "two", "three"].map((name) => join(directory, name));
  const states = [
    { 1: "a", 2: "b", 3: "", 10: "x", 11: "y", 12: "z" },
    { 1: "a", 2: "B", 3: "", 4: "new", 10: "x", 11: "", 12: "z" },
    // As in the first one, where the second had something else.
    { 1: "a", 2: "b", 3: "now", 4: "new", 10: "x", 11: "", 12: "z" },
  ];
  const seen: unknown[] = [];
  for (const [index, state] of states.entries()) {
    await using captured = await capturedOf(state, { directory, hasBase: true, maxPagesInMemory: 4 });
    await captured.write(paths[index] as string, { parents: paths.slice(0, index) });
    await using file = await PagesFile.open(paths[index] as string);
    seen.push(file.runs.map(({ page, count, kind }) => [page, count, kind]));
  }
  assert.deepEqual(seen, [
    [
      [1, 2, "data"],
      [3, 1, "zero"],
      [10, 3, "data"],
    ],
    [
      [2, 1, "data"],
      [4, 1, "data"],
      [11, 1, "zero"],
    ],
    [[2, 2, "data"]],
  ]);
});

test("zeros over nothing are left out, unless a parent says otherwise", async (t) => {
  const directory = temporaryDir(t);
  const [first, second] = [join(directory, "first"), join(directory, "second")];
  await using before = await capturedOf({ 1: "", 2: "b", 3: "c" }, { directory, hasBase: false });
  assert.equal((await before.write(first, { parents: [] })).pages, 2);
  await using after = await capturedOf({ 1: "", 2: "" }, { directory, hasBase: false });
  assert.equal((await after.write(second, { parents: [first] })).pages, 0);
  await using file = await PagesFile.open(second);
  // Page 3 is not the process's any more.
  assert.deepEqual(
    file.runs.map(({ page, count, kind }) => [page, count, kind]),
    [
      [2, 1, "zero"],
      [3, 1, "zero"],
    ],
  );
});

test("a damaged parent, or one of another memory, is refused", async (t) => {
  const { path, directory } = await pagesFile(t);
  await using captured = await capturedOf({ 1: "a" }, { directory, hasBase: true });
  const damaged = altered(path, (bytes) => bytes.subarray(0, bytes.length - 1));
  await assert.rejects(captured.write(join(directory, "child"), { parents: [damaged] }), CORRUPT);
  const other = altered(path, (bytes) => void bytes.writeBigUInt64LE(BigInt(SIZE_BYTES * 2), 16), true);
  await assert.rejects(captured.write(join(directory, "child"), { parents: [other] }), CORRUPT);
});
