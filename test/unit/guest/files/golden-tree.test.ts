import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { TreeEntry } from "../../../../src/guest/files/tree-entry.ts";
import { readTree, writeTree } from "./tree-stream.ts";

const GOLDEN = Buffer.from(
  readFileSync(new URL("../../../../guest/golden/tree.txt", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .join(""),
  "hex",
);

const nobody = { uid: 0, gid: 0 };
const ROOT: TreeEntry = {
  ...nobody,
  name: undefined,
  type: "directory",
  mode: 0o755,
  mtimeNs: 1_767_225_600_123_456_789n,
};
const HOLES: TreeEntry = {
  name: Buffer.from("holes"),
  type: "file",
  mode: 0o640,
  uid: 1_000,
  gid: 1_001,
  mtimeNs: 1_767_225_600_000_000_000n,
};
const LINK: TreeEntry = {
  ...nobody,
  name: Buffer.from("ü"),
  type: "symlink",
  mode: 0o777,
  mtimeNs: 1_767_225_600_000_000_000n,
  target: Buffer.from("holes"),
};
const INNER: TreeEntry = {
  ...nobody,
  name: Buffer.from("inner"),
  type: "directory",
  mode: 0o1777,
  mtimeNs: -1_500_000_000n,
};
const EMPTY: TreeEntry = { ...nobody, name: Buffer.from("empty"), type: "file", mode: 0o400, mtimeNs: 0n };

test("the tree that both sides know is read as it is meant", () => {
  assert.deepEqual(readTree([GOLDEN]), [
    ROOT,
    HOLES,
    [0, "hello"],
    [65_536, "world\n"],
    { size: 131_072 },
    LINK,
    INNER,
    EMPTY,
    { size: 0 },
    "leave",
    "leave",
  ]);
});

test("the tree that both sides know is written to the byte", async () => {
  const written = await writeTree(async (tree) => {
    await tree.entry(ROOT);
    await tree.entry(HOLES);
    await tree.content(0, Buffer.from("hello"));
    await tree.content(65_536, Buffer.from("world\n"));
    await tree.fileEnd(131_072);
    await tree.entry(LINK);
    await tree.entry(INNER);
    await tree.entry(EMPTY);
    await tree.fileEnd(0);
    await tree.leave();
    await tree.leave();
  });
  assert.equal(written.toString("hex"), GOLDEN.toString("hex"));
});
