import assert from "node:assert/strict";
import { chmodSync, copyFileSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { extentsOf, extentsPath, readExtents, writeExtents } from "../../../src/snapshots/memory/extents.ts";
import { PAGE_BYTES } from "../../../src/snapshots/memory/page.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";
import { memoryOf, PAGES } from "./memory-fixture.ts";

const RANGES = [
  { page: 0, count: 1 },
  { page: 255, count: 3 },
  { page: PAGES - 1, count: 1 },
];

function flatFile(t: TestContext): string {
  const path = join(temporaryDir(t), "memory");
  const last = Buffer.alloc(PAGE_BYTES);
  last[PAGE_BYTES - 1] = 1;
  const memory = memoryOf({ 0: "a", 255: "b", 256: "c", 257: "d" });
  // A page whose last byte alone is not zero.
  last.copy(memory, (PAGES - 1) * PAGE_BYTES);
  writeFileSync(path, memory);
  return path;
}

test("the extents of a flat file are the pages that hold something", async (t) => {
  const path = flatFile(t);
  assert.equal(await readExtents(path), undefined);
  assert.deepEqual(await extentsOf(path), RANGES);
  await writeExtents(path);
  assert.deepEqual(await readExtents(path), RANGES);
  assert.equal(statSync(extentsPath(path)).mode & 0o777, 0o400);
  assert.deepEqual(readdirSync(join(path, "..")).toSorted(), ["memory", "memory.extents"]);
});

test("a file of zeros has no extents", async (t) => {
  const path = join(temporaryDir(t), "memory");
  writeFileSync(path, memoryOf({}));
  await writeExtents(path);
  assert.deepEqual(await readExtents(path), []);
});

test("extents stay with a file that is sealed and moved together with them", async (t) => {
  const path = flatFile(t);
  await writeExtents(path);
  chmodSync(path, 0o400);
  const moved = `${path}-moved`;
  renameSync(path, moved);
  renameSync(extentsPath(path), extentsPath(moved));
  assert.deepEqual(await readExtents(moved), RANGES);
});

test("extents do not count for a file that was written to since, or for another one", async (t) => {
  const path = flatFile(t);
  await writeExtents(path);
  copyFileSync(path, `${path}-copy`);
  copyFileSync(extentsPath(path), extentsPath(`${path}-copy`));
  assert.equal(await readExtents(`${path}-copy`), undefined);
  await using file = await open(path, "r+");
  await file.write(Buffer.from("x"), 0, 1, 100 * PAGE_BYTES);
  assert.equal(await readExtents(path), undefined);
  assert.ok((await extentsOf(path)).some(({ page }) => page === 100));
});

for (const [what, alter] of Object.entries({
  "that is no JSON": () => "{",
  "of nothing": () => "null",
  "of another version": (text: string) => text.replace('"formatVersion":1', '"formatVersion":2'),
  "that goes beyond the file": (text: string) => text.replace(`${PAGES - 1},1]`, `${PAGES - 1},2]`),
  "out of order": (text: string) => text.replace("[0,1,255", "[300,1,255"),
  "without pages": (text: string) => text.replace("[0,1,", "[0,0,"),
  "of negative numbers": (text: string) => text.replace("[0,1,", "[-1,1,"),
  "of fractions": (text: string) => text.replace("[0,1,", "[0.5,1,"),
  "of an odd count of numbers": (text: string) => text.replace(",1]}", "]}"),
  "of words": (text: string) => text.replace("[0,1,", '["0",1,'),
})) {
  test(`a file of extents ${what} is ignored`, async (t) => {
    const path = flatFile(t);
    await writeExtents(path);
    const text = readFileSync(extentsPath(path), "utf8");
    assert.notEqual(alter(text), text);
    chmodSync(extentsPath(path), 0o600);
    writeFileSync(extentsPath(path), alter(text));
    assert.equal(await readExtents(path), undefined);
    assert.deepEqual(await extentsOf(path), RANGES);
  });
}

test("extents of a file that is not there cannot be written", async (t) => {
  const path = join(temporaryDir(t), "absent");
  await assert.rejects(writeExtents(path), { code: "IO_ERROR" });
  assert.deepEqual(readdirSync(join(path, "..")), []);
});
