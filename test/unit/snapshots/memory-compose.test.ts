import assert from "node:assert/strict";
import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { allocateMemory } from "../../../src/snapshots/memory/allocate-memory.ts";
import { composeMemory } from "../../../src/snapshots/memory/compose-memory.ts";
import { extentsOf, readExtents, writeExtents } from "../../../src/snapshots/memory/extents.ts";
import { PAGE_BYTES } from "../../../src/snapshots/memory/page.ts";
import { readMemory } from "../../../src/snapshots/memory/read-memory.ts";
import type { MemoryParts } from "../../../src/snapshots/memory/composed-memory.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";
import { seededRandom } from "../guest/seeded-random.ts";
import { capturedOf, memoryOf, PAGES, SIZE_BYTES } from "./memory-fixture.ts";

type Content = Readonly<Record<number, string>>;

/** Writes a base, and one pages file after the other, each with the ones before as parents. */
async function makeParts(
  directory: string,
  base: Content | undefined,
  layers: readonly Content[],
): Promise<MemoryParts> {
  const basePath = base === undefined ? undefined : join(directory, "base");
  if (basePath !== undefined) writeFileSync(basePath, memoryOf(base ?? {}));
  const pages: string[] = [];
  for (const layer of layers) {
    const hasBase = base !== undefined;
    await using captured = await capturedOf(layer, { directory, hasBase, maxPagesInMemory: 50 });
    const path = join(directory, `pages-${pages.length}`);
    await captured.write(path, { parents: pages });
    pages.push(path);
  }
  return { sizeBytes: SIZE_BYTES, basePath, pages };
}

/** The memory as `readMemory` tells it. */
async function readAll(parts: MemoryParts): Promise<Buffer> {
  const memory = Buffer.alloc(parts.sizeBytes);
  let end = 0;
  const pieces = await Array.fromAsync(readMemory(parts));
  for (const { offset, bytes } of pieces) {
    assert.ok(offset >= end && bytes.length > 0, "pieces come in ascending order");
    end = offset + bytes.length;
    bytes.copy(memory, offset);
  }
  return memory;
}

const BASE = { 0: "base", 1: "base", 2: "base", 3: "base", 300: "far", 301: "far" };

test("a composed memory is the base with the newest of each page over it", async (t) => {
  const directory = temporaryDir(t);
  const parts = await makeParts(directory, BASE, [
    { 1: "first", 2: "first", 5: "first", 6: "first" },
    { 1: "first", 2: "second", 5: "", 6: "first", 300: "" },
  ]);
  const targetPath = join(directory, "memory");
  await composeMemory({ ...parts, targetPath });
  const expected = { ...BASE, 1: "first", 2: "second", 5: "", 6: "first", 300: "" };
  assert.ok(readFileSync(targetPath).equals(memoryOf(expected)));
  assert.ok((await readAll(parts)).equals(memoryOf(expected)));
  assert.equal(statSync(targetPath).mode & 0o777, 0o600);
});

test("a page that the VMM gave back is the base's again", async (t) => {
  const directory = temporaryDir(t);
  const parts = await makeParts(directory, BASE, [{ 0: "changed", 1: "", 9: "new" }, { 2: "changed" }]);
  const targetPath = join(directory, "memory");
  await composeMemory({ ...parts, targetPath });
  assert.ok(readFileSync(targetPath).equals(memoryOf({ ...BASE, 2: "changed" })));
});

test("a composed file is sparse, and says where its data is", async (t) => {
  const directory = temporaryDir(t);
  const parts = await makeParts(directory, undefined, [{ 10: "a", 11: "b", 12: "", 600: "c" }]);
  const targetPath = join(directory, "memory");
  await composeMemory({ ...parts, targetPath });
  const { size, blocks } = statSync(targetPath);
  assert.equal(size, SIZE_BYTES);
  assert.ok(blocks * 512 <= 4 * PAGE_BYTES, `${blocks} blocks are allocated`);
  const extents = await readExtents(targetPath);
  assert.deepEqual(extents, [
    { page: 10, count: 2 },
    { page: 600, count: 1 },
  ]);
});

test("a base whose extents are written down is read by them alone", async (t) => {
  const directory = temporaryDir(t);
  const parts = await makeParts(directory, { 1: "seen", 2: "hidden" }, []);
  await writeExtents(join(directory, "base"));
  const sidecar = join(directory, "base.extents");
  const { stamp } = JSON.parse(readFileSync(sidecar, "utf8")) as { stamp: string };
  const other = openSync(`${sidecar}-other`, "wx");
  writeSync(other, JSON.stringify({ formatVersion: 1, stamp, pages: [1, 1] }));
  closeSync(other);
  assert.ok((await readAll(parts)).equals(memoryOf({ 1: "seen", 2: "hidden" })));
  renameSync(`${sidecar}-other`, sidecar);
  assert.ok((await readAll(parts)).equals(memoryOf({ 1: "seen" })));
});

test("an allocated file is filled in place, under whoever has it open", async (t) => {
  const directory = temporaryDir(t);
  const parts = await makeParts(directory, BASE, [{ 1: "changed" }]);
  const targetPath = join(directory, "memory");
  const allocated = await allocateMemory(targetPath, SIZE_BYTES, parts.basePath);
  assert.equal(statSync(targetPath).size, SIZE_BYTES);
  const before = openSync(targetPath, "r");
  t.after(() => closeSync(before));
  await composeMemory({ ...parts, targetPath, allocated });
  assert.ok(readFileSync(before).equals(memoryOf({ ...BASE, 1: "changed" })));
});

for (const isKnown of [true, false]) {
  const what = isKnown ? "and where data is" : "and not where data is that is not known";
  test(`a file that shares the base's data already gets the changes alone, zeros too, ${what}`, async (t) => {
    const directory = temporaryDir(t);
    // Zeros also where in another window, read with the same buffer, was data.
    const base = { ...BASE, 770: "far", 1026: "far", 1282: "far" };
    const changes = { 2: "changed", 258: "changed", 514: "changed", 770: "", 1026: "", 1282: "", [PAGES - 1]: "last" };
    const { basePath = "", ...parts } = await makeParts(directory, base, [changes]);
    if (isKnown) await writeExtents(basePath);
    const targetPath = join(directory, "memory");
    // As a file system makes it that can share data. What is in no change must stay as it is.
    const marked = { ...base, 300: "mark" };
    writeFileSync(targetPath, memoryOf(marked));
    const allocated = { path: targetPath, sizeBytes: SIZE_BYTES, isClone: true };
    await composeMemory({ ...parts, basePath, targetPath, allocated });
    const expected = memoryOf({ ...marked, ...changes });
    assert.ok(readFileSync(targetPath).equals(expected));
    assert.deepEqual(await readExtents(targetPath), isKnown ? await extentsOf(targetPath) : undefined);
  });
}

test("a file that exists is neither allocated over nor composed over", async (t) => {
  const directory = temporaryDir(t);
  const parts = await makeParts(directory, BASE, []);
  const targetPath = join(directory, "memory");
  writeFileSync(targetPath, "precious");
  await assert.rejects(composeMemory({ ...parts, targetPath }), { code: "IO_ERROR" });
  await assert.rejects(allocateMemory(targetPath, SIZE_BYTES), { code: "IO_ERROR" });
  assert.equal(readFileSync(targetPath, "utf8"), "precious");
});

test("parts that do not belong together are refused, and no file is made", async (t) => {
  const directory = temporaryDir(t);
  const { basePath, pages } = await makeParts(directory, BASE, [{ 1: "changed" }]);
  const targetPath = join(directory, "memory");
  const sizeBytes = SIZE_BYTES - PAGE_BYTES;
  await assert.rejects(composeMemory({ targetPath, sizeBytes, basePath, pages: [] }), { code: "SNAPSHOT_CORRUPT" });
  await assert.rejects(composeMemory({ targetPath, sizeBytes, basePath: undefined, pages }), {
    code: "SNAPSHOT_CORRUPT",
  });
  const absent = join(directory, "absent");
  for (const parts of [
    { basePath: absent, pages },
    { basePath, pages: [absent] },
  ]) {
    await assert.rejects(composeMemory({ targetPath, sizeBytes: SIZE_BYTES, ...parts }), { code: "IO_ERROR" });
  }
  assert.ok(!readdirSync(directory).includes("memory"));
});

test("a pages file that becomes shorter while it is read is refused, and what was made is removed", async (t) => {
  const directory = temporaryDir(t);
  const parts = await makeParts(directory, BASE, [{ 1: "changed", 2: "changed" }]);
  const reading = readMemory(parts)[Symbol.asyncIterator]();
  const targetPath = join(directory, "memory");
  const composing = composeMemory({ ...parts, targetPath, signal: shortenOnce(parts.pages[0] as string) });
  await assert.rejects(composing, { code: "SNAPSHOT_CORRUPT" });
  await assert.rejects(reading.next(), { code: "SNAPSHOT_CORRUPT" });
  assert.ok(!readdirSync(directory).includes("memory"));
});

test("composing ends when the signal fires, and leaves nothing", async (t) => {
  const directory = temporaryDir(t);
  const parts = await makeParts(directory, BASE, [{ 1: "changed" }]);
  const targetPath = join(directory, "memory");
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(composeMemory({ ...parts, targetPath, signal }), { message: "enough" });
  assert.deepEqual(readdirSync(directory).toSorted(), ["base", "pages-0"]);
});

for (const hasBase of [true, false]) {
  test(`random changes ${hasBase ? "over a base" : "of an empty memory"} compose to what the memory was`, async (t) => {
    const directory = temporaryDir(t);
    for (let seed = 1; seed <= 3; seed++) {
      const random = seededRandom(seed * 2 + Number(hasBase));
      const base = hasBase ? randomContent(random, 150) : undefined;
      const layers: Content[] = [];
      for (let layer = 0; layer < 4; layer++) {
        const changed = { ...layers.at(-1), ...randomContent(random, 120) };
        // Some pages are given back.
        layers.push(Object.fromEntries(Object.entries(changed).filter(() => random(20) > 0)));
      }
      const folder = temporaryDir(t);
      const parts = await makeParts(folder, base, layers);
      if (parts.basePath !== undefined) await writeExtents(parts.basePath);
      for (let last = 0; last <= layers.length; last++) {
        const upTo = { ...parts, pages: parts.pages.slice(0, last) };
        const targetPath = join(directory, `${seed}-${last}`);
        const expected = memoryOf({ ...base, ...layers[last - 1] });
        await composeMemory({ ...upTo, targetPath });
        assert.ok(readFileSync(targetPath).equals(expected), `seed ${seed}, composed of ${last}`);
        assert.ok((await readAll(upTo)).equals(expected), `seed ${seed}, read of ${last}`);
        const known = await readExtents(targetPath);
        assert.deepEqual(known, await withoutExtents(targetPath, folder, expected), `seed ${seed}, extents of ${last}`);
      }
    }
  });
}

/** Runs of pages of any length, a third of them zeros. */
function randomContent(random: (below: number) => number, pages: number): Content {
  const content: Record<number, string> = {};
  for (let left = pages; left > 0;) {
    const start = random(PAGES);
    const length = 1 + random(random(3) === 0 ? 60 : 4);
    const text = random(3) === 0 ? "" : `text ${random(5)}`;
    for (let page = start; page < Math.min(PAGES, start + length); page++) content[page] = text;
    left -= length;
  }
  return content;
}

/** The extents of the same content, found out by looking at it. */
async function withoutExtents(path: string, folder: string, content: Buffer): Promise<unknown> {
  const copy = join(folder, `copy-${path.split("/").at(-1)}`);
  writeFileSync(copy, content);
  return await extentsOf(copy);
}

/** A signal that cuts a file to nothing when it is asked for the first time; it never fires. */
function shortenOnce(path: string): AbortSignal {
  const signal = new AbortController().signal;
  signal.throwIfAborted = () => {
    const file = openSync(path, "r+");
    ftruncateSync(file, 0);
    closeSync(file);
  };
  return signal;
}
