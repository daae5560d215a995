import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SmolVMError } from "../../../../src/errors/smolvm-error.ts";
import type { TreeEntry } from "../../../../src/guest/files/tree-entry.ts";
import { TreeReader } from "../../../../src/guest/files/tree-reader.ts";
import type { TreeWriter } from "../../../../src/guest/files/tree-writer.ts";
import { Tag } from "../../../../src/guest/protocol/frame-types.ts";
import { randomBuffer, seededRandom } from "../seeded-random.ts";
import {
  DIRECTORY,
  FILE,
  LINK,
  type PlainEvent,
  rawDirectory,
  rawEnd,
  rawEntry,
  rawExtent,
  rawFile,
  rawLeave,
  rawLink,
  readTree,
  writeTree,
} from "./tree-stream.ts";

type Random = (below: number) => number;

function randomEntry(random: Random, type: TreeEntry["type"], isRoot: boolean): TreeEntry {
  return {
    name: isRoot ? undefined : Buffer.from(`${random(1_000)}\n\xff ü`.repeat(1 + random(4)), "latin1"),
    type,
    mode: random(0o10000),
    uid: random(70_000),
    gid: random(70_000),
    mtimeNs: BigInt(random(2 ** 31)) * 1_234_567_891n - 10n ** 17n,
    ...(type === "symlink" ? { target: Buffer.from("../".repeat(random(3)) + "x".repeat(1 + random(50))) } : {}),
  };
}

/** Writes a random tree and notes what a reader must see of it. */
async function writeRandom(random: Random, tree: TreeWriter, seen: PlainEvent[], depth: number): Promise<void> {
  const type = (["directory", "directory", "file", "symlink"] as const)[depth > 5 ? 2 + random(2) : random(4)]!;
  const entry = randomEntry(random, type, depth === 0);
  await tree.entry(entry);
  seen.push(entry);
  if (type === "directory") {
    for (let left = random(6); left > 0; left -= 1) await writeRandom(random, tree, seen, depth + 1);
    await tree.leave();
    seen.push("leave");
  } else if (type === "file") {
    let at = 0;
    for (let left = random(4); left > 0; left -= 1) {
      at += 1 + random(10_000);
      const content = randomBuffer(random, 1 + random(random(8) === 0 ? 200_000 : 100));
      await tree.content(at, content);
      seen.push([at, content.toString("latin1")]);
      at += content.length;
    }
    at += random(100);
    await tree.fileEnd(at);
    seen.push({ size: at });
  }
}

function* cut(random: Random, bytes: Buffer, most: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length;) {
    const size = 1 + random(most);
    // A copy each: what is read may not lean on what was there before.
    yield Buffer.from(bytes.subarray(at, at + size));
    at += size;
  }
}

const tree = (...parts: readonly Buffer[]): Buffer => Buffer.concat([...parts, rawEnd()]);
const isViolation = (error: unknown): boolean => error instanceof SmolVMError && error.code === "PROTOCOL_ERROR";

const HOSTILE: Readonly<Record<string, Buffer>> = {
  "the name ..": tree(rawDirectory(undefined, rawFile("..", "x"))),
  "the name .": tree(rawDirectory(undefined, rawFile(".", "x"))),
  "an empty name": tree(rawDirectory(undefined, rawFile("", "x"))),
  "a name with a slash": tree(rawDirectory(undefined, rawFile("a/b", "x"))),
  "an absolute name": tree(rawDirectory(undefined, rawFile("/etc/passwd", "x"))),
  "a name with a NUL byte": tree(rawDirectory(undefined, rawFile("a\0b", "x"))),
  "a name of 2,000 bytes": tree(rawDirectory(undefined, rawFile("n".repeat(2_000), "x"))),
  "a root with a name": tree(rawFile("name", "x")),
  "an entry without a name": tree(rawDirectory(undefined, rawFile(undefined, "x"))),
  "a device": tree(rawDirectory(undefined, rawEntry("sda", 0o060600))),
  "an entry without a type": tree(rawDirectory(undefined, rawEntry("x", 0o644))),
  "a link without a target": tree(rawDirectory(undefined, rawEntry("x", LINK))),
  "a link with an empty target": tree(rawDirectory(undefined, rawLink("x", ""))),
  "a link with a NUL byte": tree(rawDirectory(undefined, rawLink("x", "a\0b"))),
  "a link of 5,000 bytes": tree(rawDirectory(undefined, rawLink("x", "t".repeat(5_000)))),
  "a time of four bytes": tree(
    rawEntry(undefined, DIRECTORY).subarray(0, -14),
    Buffer.from("002b0000000400000000", "hex"),
    rawLeave(),
  ),
  "a leave too many": tree(rawDirectory(), rawLeave()),
  "a leave at once": tree(rawLeave()),
  "a second root": Buffer.concat([rawDirectory(), rawDirectory(), rawEnd()]),
  "an end inside a directory": tree(rawEntry(undefined, DIRECTORY)),
  "nothing but its end": rawEnd(),
  "bytes behind its end": Buffer.concat([tree(rawDirectory()), Buffer.from([0])]),
  "directories 513 deep": tree(
    rawEntry(undefined, DIRECTORY),
    ...Array.from({ length: 512 }, () => rawEntry("d", DIRECTORY)),
    ...Array.from({ length: 513 }, rawLeave),
  ),
  "content that overlaps": tree(
    rawEntry(undefined, FILE),
    rawExtent(0n, 4n),
    Buffer.from("abcd"),
    rawExtent(3n, 1n),
    Buffer.from("x"),
    rawExtent(4n, 0n),
  ),
  "content that runs backwards": tree(
    rawEntry(undefined, FILE),
    rawExtent(100n, 1n),
    Buffer.from("a"),
    rawExtent(0n, 1n),
    Buffer.from("x"),
    rawExtent(101n, 0n),
  ),
  "a size before the content's end": tree(
    rawEntry(undefined, FILE),
    rawExtent(0n, 1n),
    Buffer.from("a"),
    rawExtent(0n, 0n),
  ),
  "an extent above 1 MiB": tree(rawEntry(undefined, FILE), rawExtent(0n, 1_048_577n)),
  "a file above 2^53 bytes": tree(rawEntry(undefined, FILE), rawExtent(2n ** 53n, 0n)),
  "an offset that wraps round": tree(rawEntry(undefined, FILE), rawExtent(2n ** 64n - 1n, 2n), Buffer.from("ab")),
  "a record of 64 KiB and a byte": Buffer.from("00010001", "hex"),
  "a record of 4 GiB": Buffer.from("ffffffff", "hex"),
  "a field that runs past its record": Buffer.from("00000006002900000004", "hex"),
};

describe("a tree stream", () => {
  test("is read as it was written, wherever its chunks are cut", async () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const random = seededRandom(seed);
      const expected: PlainEvent[] = [];
      const bytes = await writeTree((tree) => writeRandom(random, tree, expected, 0));
      assert.deepEqual(readTree(cut(random, bytes, 1 + random(5_000))), expected, `seed ${seed}`);
    }
  });

  test("is read byte by byte", async () => {
    const bytes = tree(rawDirectory(undefined, rawFile("a", "content"), rawDirectory("b", rawLink("c", "../a"))));
    const whole = readTree([bytes]);
    assert.deepEqual(readTree([...bytes].map((byte) => Buffer.from([byte]))), whole);
    assert.equal(whole.length, 8);
  });

  test("may be a single file, a single link or an empty directory", () => {
    assert.equal(readTree([tree(rawFile(undefined, "x"))]).length, 3);
    assert.equal(readTree([tree(rawLink(undefined, "x"))]).length, 1);
    assert.equal(readTree([tree(rawDirectory())]).length, 2);
  });

  test("keeps sizes and times at their limits", () => {
    const root = rawEntry(undefined, FILE);
    root.fill(0xff, root.length - 8);
    const [entry, end] = readTree([tree(root, rawExtent(BigInt(Number.MAX_SAFE_INTEGER), 0n))]);
    assert.equal((entry as TreeEntry).mtimeNs, -1n);
    assert.deepEqual(end, { size: Number.MAX_SAFE_INTEGER });
  });

  test("may nest directories 512 deep", () => {
    const deep = tree(
      rawEntry(undefined, DIRECTORY),
      ...Array.from({ length: 511 }, () => rawEntry("d", DIRECTORY)),
      ...Array.from({ length: 512 }, rawLeave),
    );
    assert.equal(readTree([deep]).length, 1_024);
  });

  for (const [name, bytes] of Object.entries(HOSTILE)) {
    test(`with ${name} is refused`, () => {
      assert.throws(() => readTree([bytes]), isViolation);
      assert.throws(() => readTree([...bytes].map((byte) => Buffer.from([byte]))), isViolation);
    });
  }

  test("that breaks off anywhere is refused", () => {
    const bytes = tree(rawDirectory(undefined, rawFile("a", "content"), rawLink("b", "a")));
    for (let length = 0; length < bytes.length; length += 1) {
      assert.throws(() => readTree([bytes.subarray(0, length)]), isViolation, `${length} bytes`);
    }
  });

  test("of random damage is read or refused, and nothing else happens", async () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = seededRandom(seed);
      const bytes = await writeTree((tree) => writeRandom(random, tree, [], 3));
      for (let flips = 1 + random(8); flips > 0; flips -= 1) bytes[random(bytes.length)] = random(256);
      try {
        readTree(cut(random, bytes, 1_000));
      } catch (error) {
        assert.ok(isViolation(error), `seed ${seed}: ${String(error)}`);
      }
    }
  });

  test("that never ends its record holds no more than one record", () => {
    const reader = new TreeReader();
    const start = Buffer.concat([Buffer.from("00010000", "hex"), Buffer.alloc(65_000)]);
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 100 }, () => new TreeReader());
    for (const one of [reader, ...readers])
      for (const byte of [start.subarray(0, 3), start.subarray(3)]) assert.deepEqual([...one.push(byte)], []);
    assert.ok(process.memoryUsage().arrayBuffers - before < 101 * 140_000);
    assert.throws(() => reader.finish(), isViolation);
  });

  test("hands on the content of an endless file without keeping it", () => {
    const reader = new TreeReader();
    const chunk = Buffer.alloc(1_048_576);
    assert.equal([...reader.push(rawEntry(undefined, FILE))].length, 1);
    const before = process.memoryUsage().arrayBuffers;
    for (let at = 0n; at < 500n; at += 1n) {
      assert.deepEqual([...reader.push(rawExtent(at * 1_048_576n, 1_048_576n))], []);
      const [event] = [...reader.push(chunk)];
      assert.equal(event?.kind, "content");
    }
    assert.ok(process.memoryUsage().arrayBuffers - before < 16_000_000);
  });

  test("may repeat fields and hold unknown ones: the first counts", () => {
    const [entry] = readTree([
      tree(
        rawEntry(undefined, FILE, [
          { tag: Tag.MODE, value: DIRECTORY },
          { tag: 9_999 as Tag, value: "?" },
        ]),
        rawExtent(0n, 0n),
      ),
    ]);
    assert.equal((entry as TreeEntry).type, "file");
  });
});
