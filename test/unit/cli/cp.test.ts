import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Header, pack } from "tar-stream";
import { lastName, parseCopy, parsePlace } from "../../../src/cli/cp/place.ts";
import { TarToTree } from "../../../src/cli/cp/tar-to-tree.ts";
import { TreeToTar } from "../../../src/cli/cp/tree-to-tar.ts";
import { SmolVMError } from "../../../src/errors/smolvm-error.ts";
import { Transfer } from "../../../src/guest/files/transfer.ts";
import type { TreeEntry } from "../../../src/guest/files/tree-entry.ts";
import { TreeReader } from "../../../src/guest/files/tree-reader.ts";
import {
  rawDirectory,
  rawEnd,
  rawEntry,
  rawExtent,
  rawFile,
  rawLink,
  readTree,
  writeTree,
} from "../guest/files/tree-stream.ts";

type TarEntry = readonly [header: Partial<Header> & Pick<Header, "name">, content?: string];

function tarOf(entries: readonly TarEntry[]): AsyncIterable<Buffer> {
  const tar = pack();
  for (const [header, content] of entries) tar.entry({ mtime: new Date(5_000), ...header }, content ?? "");
  tar.finalize();
  return tar as AsyncIterable<unknown> as AsyncIterable<Buffer>;
}

/** An archive as a tree, as one line for each event. */
async function treeOf(archive: AsyncIterable<Uint8Array>): Promise<{ lines: string[]; transfer: Transfer }> {
  const transfer = new Transfer(undefined);
  const bytes = await writeTree((tree) => new TarToTree(tree, transfer).send(archive));
  const lines = readTree([bytes]).map((event) => {
    if (event === "leave") return "leave";
    if ("size" in event) return `end ${event.size}`;
    if (!("type" in event)) return `content ${event[1].slice(0, 20)}`;
    const { type, name, mode, target } = event satisfies TreeEntry;
    return `${type} ${name?.toString() ?? "-"} ${mode.toString(8)}${target === undefined ? "" : ` ${target.toString()}`}`;
  });
  return { lines, transfer };
}

/** A tree as an archive. */
async function archiveOf(parts: readonly Buffer[], sizeOf = async (): Promise<number> => 0): Promise<Buffer> {
  const tar = new TreeToTar("root", new Transfer(undefined), sizeOf);
  const chunks: Buffer[] = [];
  tar.archive.on("data", (chunk) => chunks.push(chunk as Buffer));
  const reader = new TreeReader();
  for (const event of reader.push(Buffer.concat([...parts, rawEnd()]))) await tar.take(event);
  reader.finish();
  const ended = new Promise((resolve) => tar.archive.on("end", () => resolve(undefined)));
  tar.finish();
  await ended;
  return Buffer.concat(chunks);
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

describe("the places of a copy", () => {
  test("are in a VM where an id stands before a colon", () => {
    assert.deepEqual(parsePlace("builder:/root/x:y"), { kind: "guest", vmId: "builder", path: "/root/x:y" });
    for (const path of ["./a:b", "/a:b", "../a:b", "a", "dir/a:b", "."]) {
      assert.deepEqual(parsePlace(path), { kind: "host", path });
    }
    assert.deepEqual(parsePlace("-"), { kind: "tar" });
    assert.throws(() => parsePlace("builder:relative"), { code: "INVALID_PATH" });
    assert.throws(() => parsePlace("Not_An_Id:/x"), { code: "INVALID_OPTION" });
  });

  test("are one in a VM and one that is not", () => {
    assert.equal(parseCopy("a", "vm:/b").way, "in");
    assert.equal(parseCopy("vm:/b", "-").way, "out");
    assert.throws(() => parseCopy("a", "b"), /neither/);
    assert.throws(() => parseCopy("x:/a", "y:/b"), /both/);
  });

  test("have a last name, unless they mean what is in them", () => {
    const names = ["/a/b", "b", "/a/b/", "/a/b//", ".", "/a/.", "..", "/", "a/..", "./b"].map(lastName);
    assert.deepEqual(names, ["b", "b", "b", "b", "", "", "", "", "", "b"]);
  });
});

describe("a tar archive that becomes a tree", () => {
  test("may come in any order, and lack directories", async () => {
    const { lines, transfer } = await treeOf(
      tarOf([
        [{ name: "./", type: "directory" }],
        [{ name: "a/b/one", mode: 0o4640 }, "1"],
        [{ name: "./c/", type: "directory", mode: 0o700 }],
        [{ name: "c/two" }, "22"],
        [{ name: "a/link", type: "symlink", mode: 0o777, linkname: "../c" }],
        [{ name: `a/${"long".repeat(50)}/three` }, "x".repeat(100_000)],
        [{ name: "pipe", type: "fifo" }],
      ]),
    );
    assert.deepEqual(lines, [
      "directory - 755",
      "directory a 755",
      "directory b 755",
      "file one 4640",
      "content 1",
      "end 1",
      "leave",
      "leave",
      "directory c 700",
      "file two 644",
      "content 22",
      "end 2",
      "leave",
      "directory a 755",
      "symlink link 777 ../c",
      `directory ${"long".repeat(50)} 755`,
      "file three 644",
      `content ${"x".repeat(20)}`,
      "end 100000",
      "leave",
      "leave",
      "leave",
    ]);
    const { files, bytes, skipped } = transfer.result();
    assert.deepEqual([files, bytes, skipped.map(({ path }) => path)], [3, 100_003, ["pipe"]]);
  });

  for (const name of ["../x", "/etc/passwd", "a/../../x", "a/..", ".."]) {
    test(`is refused with the name ${name}`, async () => {
      await assert.rejects(treeOf(tarOf([[{ name }, "x"]])), { name: "ValidationError", code: "INVALID_PATH" });
    });
  }

  test("is refused with a hard link, which says what to do", async () => {
    const hard = tarOf([[{ name: "a" }, "x"], [{ name: "b", type: "link", linkname: "a" }]]);
    await assert.rejects(treeOf(hard), (error: unknown) => {
      return error instanceof SmolVMError && error.code === "UNSUPPORTED" && error.hint.includes("--hard-dereference");
    });
  });

  test("is refused where it is none, or breaks off", async () => {
    const whole = Buffer.concat(await Array.fromAsync(tarOf([[{ name: "a" }, "x".repeat(10_000)]])));
    for (const bytes of [Buffer.alloc(2_000, "no tar"), whole.subarray(0, 5_000), whole.subarray(0, 300)]) {
      await assert.rejects(treeOf(once(bytes)), { name: "ValidationError", code: "INVALID_OPTION" });
    }
  });

  test("passes on what its source fails with", async () => {
    const source = (async function* () {
      yield Buffer.alloc(0);
      throw new DOMException("enough", "AbortError");
    })();
    await assert.rejects(treeOf(source), /enough/);
  });
});

describe("a tree that becomes a tar archive", () => {
  test("comes back as it was", async () => {
    const tree = [
      rawDirectory(
        undefined,
        rawFile("small", "content", 0o104755),
        rawFile("none", ""),
        rawDirectory("ü", rawLink("link", "../small"), rawFile("n".repeat(200), "long")),
      ),
    ];
    const { lines } = await treeOf(once(await archiveOf(tree)));
    assert.deepEqual(
      lines.filter((line) => !line.startsWith("symlink")),
      [
        "directory - 755",
        "directory root 755",
        "file small 4755",
        "content content",
        "end 7",
        "file none 644",
        "end 0",
        "directory ü 755",
        `file ${"n".repeat(200)} 644`,
        "content long",
        "end 4",
        "leave",
        "leave",
        "leave",
      ],
    );
  });

  test("has zeros in the place of holes, and large files with the size that the guest says", async () => {
    const sparse = [rawEntry(undefined, 0o100644), rawExtent(5n, 1n), Buffer.from("x"), rawExtent(200_000n, 0n)];
    const small = await archiveOf(sparse);
    assert.ok(
      small.subarray(512, 200_512).equals(Buffer.concat([Buffer.alloc(5), Buffer.from("x"), Buffer.alloc(199_994)])),
    );
    const block = Buffer.alloc(1_048_576, "y");
    const large = [
      rawEntry(undefined, 0o100644),
      rawExtent(0n, 1_048_576n),
      block,
      rawExtent(2_097_152n, 1_048_576n),
      block,
      rawExtent(3_145_728n, 0n),
    ];
    const bytes = await archiveOf(large, async () => 3_145_728);
    assert.ok(bytes.subarray(512, 512 + 3_145_728).equals(Buffer.concat([block, Buffer.alloc(1_048_576), block])));
    await assert.rejects(
      archiveOf(large, async () => 3_000_000),
      /changed its size/,
    );
    await assert.rejects(
      archiveOf(large, async () => 4_000_000),
      /changed its size/,
    );
  });

  test("cannot hold a name that is not UTF-8", async () => {
    const tree = [rawDirectory(undefined, rawFile(Buffer.from([0xff, 0xfe]), "x"))];
    await assert.rejects(archiveOf(tree), { code: "UNSUPPORTED" });
  });
});
