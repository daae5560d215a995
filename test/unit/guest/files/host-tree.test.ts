import assert from "node:assert/strict";
import {
  chmodSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { HostError } from "../../../../src/errors/smolvm-error.ts";
import { HostTreeWriter } from "../../../../src/guest/files/host-tree-writer.ts";
import type { SymlinkPolicy } from "../../../../src/guest/files/link-policy.ts";
import { dataRanges } from "../../../../src/guest/files/send-host-file.ts";
import { HostTreeSender } from "../../../../src/guest/files/send-host-tree.ts";
import { Transfer, type TransferResult } from "../../../../src/guest/files/transfer.ts";
import { TreeReader } from "../../../../src/guest/files/tree-reader.ts";
import { TreeWriter } from "../../../../src/guest/files/tree-writer.ts";
import { temporaryDir } from "../../../support/temporary-dir.ts";
import { rawDirectory, rawEnd, rawEntry, rawExtent, rawFile, rawLeave, rawLink } from "./tree-stream.ts";

/** Makes the tree of the stream at a path of this machine. */
async function make(path: string, parts: readonly Buffer[], policy: SymlinkPolicy = "inside"): Promise<TransferResult> {
  const transfer = new Transfer(undefined);
  const writer = new HostTreeWriter(Buffer.from(path), policy, transfer);
  const reader = new TreeReader();
  try {
    for (const event of reader.push(Buffer.concat([...parts, rawEnd()]))) await writer.take(event);
    reader.finish();
    await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
  return transfer.result();
}

/** Sends a path of this machine and makes what comes at another. */
async function copy(from: string, to: string): Promise<{ sent: TransferResult; streamBytes: number }> {
  const [sending, making] = [new Transfer(undefined), new Transfer(undefined)];
  const writer = new HostTreeWriter(Buffer.from(to), "all", making);
  const reader = new TreeReader();
  let streamBytes = 0;
  const tree = new TreeWriter(async (block) => {
    streamBytes += block.length;
    for (const event of reader.push(block)) await writer.take(event);
  });
  await new HostTreeSender(Buffer.from(from), tree, sending).send(await lstat(from, { bigint: true }));
  await tree.end();
  reader.finish();
  await writer.finish();
  assert.deepEqual({ ...sending.result(), skipped: [] }, making.result());
  return { sent: sending.result(), streamBytes };
}

function namesIn(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: "utf8" }).toSorted();
}

function twoDirectories(t: TestContext): { readonly target: string; readonly outside: string } {
  const directory = temporaryDir(t);
  mkdirSync(join(directory, "outside"));
  return { target: join(directory, "target"), outside: join(directory, "outside") };
}

const refused = (pattern: RegExp) => (error: unknown) =>
  error instanceof HostError && error.code === "IO_ERROR" && pattern.test(error.message);

describe("a tree that is sent from this machine and made again", () => {
  test("keeps names, content, permissions, times, links and holes", async (t) => {
    const directory = temporaryDir(t);
    const from = join(directory, "from");
    const to = join(directory, "to");
    mkdirSync(join(from, "empty"), { recursive: true });
    mkdirSync(join(from, "deep/er"), { recursive: true });
    writeFileSync(join(from, "a"), "content");
    writeFileSync(join(from, "none"), "");
    writeFileSync(join(from, "deep/er/program"), "#!/bin/sh\n");
    chmodSync(join(from, "deep/er/program"), 0o755);
    writeFileSync(join(from, "large"), Buffer.alloc(3_000_000, "0123456789"));
    writeFileSync(Buffer.from(join(from, "not-utf-8-\xff\xfe"), "latin1"), "odd");
    writeFileSync(join(from, "sparse"), "start");
    truncateSync(join(from, "sparse"), 64_000_000);
    writeFileSync(join(from, "sparse"), "end", { flag: "a" });
    symlinkSync("../elsewhere", join(from, "deep/link"));
    lutimesSync(join(from, "deep/link"), 1_000_000_000.5, 1_000_000_000.5);
    utimesSync(join(from, "a"), 1, 1_234_567_890.123456);
    utimesSync(join(from, "none"), 1, new Date(-86_400_000));
    utimesSync(join(from, "empty"), 1, 1_100_000_000);
    chmodSync(join(from, "deep/er"), 0o555);
    utimesSync(join(from, "deep"), 1, 1_200_000_000);

    const { sent, streamBytes } = await copy(from, to);
    assert.deepEqual(sent, { files: 6, directories: 4, symlinks: 1, bytes: sent.bytes, skipped: [] });
    assert.ok(streamBytes < 3_100_000, "holes are not sent");
    assert.equal(namesIn(to).length, 10);
    for (const name of namesIn(from).filter((name) => !name.startsWith("not-utf-8"))) {
      const [one, other] = [lstatSync(join(from, name)), lstatSync(join(to, name))];
      assert.equal(other.mode, one.mode, name);
      assert.ok(Math.abs(other.mtimeMs - one.mtimeMs) < 0.001, `${name}: ${other.mtimeMs} is not ${one.mtimeMs}`);
      if (one.isFile() && one.size < 10_000_000)
        assert.ok(readFileSync(join(from, name)).equals(readFileSync(join(to, name))));
    }
    assert.equal(readFileSync(Buffer.from(join(to, "not-utf-8-\xff\xfe"), "latin1"), "utf8"), "odd");
    assert.equal(readlinkSync(join(to, "deep/link")), "../elsewhere");
    const sparse = statSync(join(to, "sparse"));
    assert.equal(sparse.size, 64_000_003);
    assert.ok(sparse.blocks * 512 < 100_000);
    assert.ok(readFileSync(join(to, "sparse")).subarray(-3).equals(Buffer.from("end")));
  });

  test("leaves out what is no file, directory or link, and says so", async (t) => {
    const directory = temporaryDir(t);
    mkdirSync(join(directory, "from"));
    const { createServer } = await import("node:net");
    const server = createServer().listen(join(directory, "from/socket"));
    t.after(() => server.close());
    const { sent } = await copy(join(directory, "from"), join(directory, "to"));
    assert.deepEqual(sent.skipped, [{ path: "socket", reason: "it is neither a file, a directory nor a link" }]);
    assert.deepEqual(namesIn(join(directory, "to")), []);
  });

  test("may be a single file, and replaces one that is there", async (t) => {
    const directory = temporaryDir(t);
    writeFileSync(join(directory, "from"), "new");
    writeFileSync(join(directory, "to"), "old and longer");
    await copy(join(directory, "from"), join(directory, "to"));
    await copy(join(directory, "from"), join(directory, "above/that/is/missing"));
    assert.equal(readFileSync(join(directory, "to"), "utf8"), "new");
    assert.equal(readFileSync(join(directory, "above/that/is/missing"), "utf8"), "new");
  });

  test("merges with a directory that is there, whose own permissions and time stay", async (t) => {
    const directory = temporaryDir(t);
    mkdirSync(join(directory, "to/inner"), { recursive: true });
    writeFileSync(join(directory, "to/inner/kept"), "kept");
    chmodSync(join(directory, "to/inner"), 0o700);
    await make(join(directory, "to"), [rawDirectory(undefined, rawDirectory("inner", rawFile("made", "made")))]);
    assert.deepEqual(namesIn(join(directory, "to")), ["inner", "inner/kept", "inner/made"]);
    assert.equal(statSync(join(directory, "to/inner")).mode & 0o777, 0o700);
  });
});

describe("a hostile tree", () => {
  test("writes through no symbolic link that is there already", async (t) => {
    const { target, outside } = twoDirectories(t);
    mkdirSync(target);
    symlinkSync(outside, join(target, "way-out"));
    const tree = [rawDirectory(undefined, rawDirectory("way-out", rawFile("evil", "x")))];
    await assert.rejects(make(target, tree), refused(/a symbolic link is there, which is not followed/));
    assert.deepEqual(namesIn(outside), []);
  });

  test("does not go where the target itself is a link to", async (t) => {
    const { target, outside } = twoDirectories(t);
    symlinkSync(outside, target);
    await assert.rejects(make(target, [rawDirectory(undefined, rawFile("evil", "x"))]), refused(/symbolic link/));
    assert.deepEqual(namesIn(outside), []);
  });

  test("replaces a link by a file, and does not write to what it leads to", async (t) => {
    const { target, outside } = twoDirectories(t);
    writeFileSync(join(outside, "precious"), "precious");
    mkdirSync(target);
    symlinkSync(join(outside, "precious"), join(target, "file"));
    symlinkSync(join(outside, "precious"), join(target, "large"));
    await make(target, [rawDirectory(undefined, rawFile("file", "x"), rawFile("large", "x".repeat(100_000)))]);
    assert.equal(readFileSync(join(outside, "precious"), "utf8"), "precious");
    assert.equal(lstatSync(join(target, "file")).isFile(), true);
    assert.equal(lstatSync(join(target, "large")).isFile(), true);
  });

  for (const policy of ["inside", "all"] as const) {
    test(`cannot make a link and then write through it (symlinks: ${policy})`, async (t) => {
      const { target, outside } = twoDirectories(t);
      const trees = [
        [rawLink("way-out", outside), rawDirectory("way-out", rawFile("evil", "x"))],
        [rawDirectory("way-out", rawFile("evil", "x")), rawLink("way-out", outside)],
        [rawLink("way-out", join(outside, "evil")), rawFile("way-out", "x")],
        [rawFile("way-out", "x"), rawLink("way-out", join(outside, "evil")), rawFile("way-out", "x".repeat(100_000))],
        [rawLink("a", "b"), rawLink("b", outside), rawDirectory("a", rawDirectory("b", rawFile("evil", "x")))],
      ];
      for (const [index, tree] of trees.entries()) {
        await make(`${target}-${index}`, [rawDirectory(undefined, ...tree)], policy).catch((error: unknown) => {
          assert.ok(refused(/directory/)(error), String(error));
        });
        assert.deepEqual(namesIn(outside), []);
      }
    });
  }

  test("gets no set-user-id, set-group-id or sticky bit", async (t) => {
    const { target } = twoDirectories(t);
    await make(target, [rawEntry(undefined, 0o047777), rawFile("program", "x", 0o107755), rawLeave()]);
    assert.equal(statSync(target).mode & 0o7777, 0o777);
    assert.equal(statSync(join(target, "program")).mode & 0o7777, 0o755);
  });

  test("makes files and links that nobody else can make or replace: no name of another is used on the way", async (t) => {
    const { target } = twoDirectories(t);
    await make(target, [rawDirectory(undefined, rawFile("n".repeat(255), "x"), rawLink("l".repeat(255), "x"))]);
    assert.deepEqual(namesIn(target).length, 2);
  });

  test("that breaks off leaves no file that is not complete, and nothing temporary", async (t) => {
    const { target } = twoDirectories(t);
    const large = [rawEntry("large", 0o100644), rawExtent(0n, 1_000_000n), Buffer.alloc(900_000)];
    const transfer = new Transfer(undefined);
    const writer = new HostTreeWriter(Buffer.from(target), "inside", transfer);
    const reader = new TreeReader();
    const start = Buffer.concat([rawEntry(undefined, 0o040755), rawFile("small", "x"), ...large]);
    for (const event of reader.push(start)) await writer.take(event);
    assert.equal(
      namesIn(target).some((name) => name.startsWith(".smolvm-")),
      true,
    );
    assert.throws(() => reader.finish());
    await writer.abandon();
    assert.deepEqual(namesIn(target), ["small"]);
  });

  test("that puts a file where a directory is, or a directory where a file is, is refused", async (t) => {
    const { target } = twoDirectories(t);
    mkdirSync(join(target, "directory"), { recursive: true });
    writeFileSync(join(target, "file"), "old");
    for (const part of [rawFile("directory", "x"), rawDirectory("file"), rawLink("directory", "x")]) {
      await assert.rejects(make(target, [rawDirectory(undefined, part)]), refused(/directory|file/));
    }
    await assert.rejects(make(target, [rawFile(undefined, "x")]), refused(/a directory is there/));
    assert.deepEqual(namesIn(target), ["directory", "file"]);
    assert.equal(readFileSync(join(target, "file"), "utf8"), "old");
  });

  test("gets no control characters into a message", async (t) => {
    const { target } = twoDirectories(t);
    const name = "\u001b[2J\u202e\n";
    mkdirSync(join(target, name), { recursive: true });
    await assert.rejects(make(target, [rawDirectory(undefined, rawLink(name, "x"))]), (error: unknown) => {
      assert.ok(error instanceof HostError && !/[\p{Cc}\p{Cf}]/u.test(error.message));
      return true;
    });
  });

  test("with more links than memory may hold is refused", async (t) => {
    const { target } = twoDirectories(t);
    const transfer = new Transfer(undefined);
    const writer = new HostTreeWriter(Buffer.from(target), "inside", transfer);
    const entry = { name: Buffer.from("x"), mode: 0, uid: 0, gid: 0, mtimeNs: 0n };
    await writer.take({ kind: "entry", entry: { ...entry, name: undefined, type: "directory" } });
    const link = { ...entry, type: "symlink", target: Buffer.alloc(4_095, "t") } as const;
    await assert.rejects(
      async () => {
        for (let count = 0; count < 40_000; count += 1) await writer.take({ kind: "entry", entry: link });
      },
      { code: "TRANSFER_LIMIT" },
    );
  });
});

describe("symbolic links of a download", () => {
  const inside = ["x", "./x", "x/y", "sub", "..", "../x", ".././x", "../../x", "a//b", "..//x"];
  const outside = [
    "/",
    "/etc/passwd",
    "../../..",
    "../../../x",
    "x/..",
    "x/../../../..",
    "a/../b",
    "..a/..",
    "./../../../x",
  ];

  test("are made where they surely stay inside, and else left out and listed", async (t) => {
    const { target } = twoDirectories(t);
    const links = [...inside, ...outside].map((text, index) => rawLink(`link-${String(index).padStart(2, "0")}`, text));
    const tree = [rawDirectory(undefined, rawDirectory("a", rawDirectory("b", ...links)))];
    const { symlinks, skipped } = await make(target, tree);
    assert.deepEqual(
      readdirSync(join(target, "a/b"))
        .toSorted()
        .map((name) => readlinkSync(join(target, "a/b", name))),
      inside,
    );
    assert.equal(symlinks, inside.length);
    assert.deepEqual(
      skipped.map(({ path }) => Number(path.slice(-2)) - inside.length),
      outside.map((_, index) => index),
    );
    assert.match(skipped[0]!.path, /^a\/b\/link-/);
    assert.match(skipped[0]!.reason, /may lead outside/);
  });

  test("at the root may not go up at all", async (t) => {
    const { target } = twoDirectories(t);
    const { skipped } = await make(target, [rawDirectory(undefined, rawLink("a", "b"), rawLink("c", "../d"))]);
    assert.deepEqual(namesIn(target), ["a"]);
    assert.deepEqual(
      skipped.map(({ path }) => path),
      ["c"],
    );
  });

  test("that are all there is are left out, unless all are wanted", async (t) => {
    const { target } = twoDirectories(t);
    assert.equal((await make(target, [rawLink(undefined, "neighbour")])).skipped.length, 1);
    assert.equal((await make(target, [rawLink(undefined, "neighbour")], "all")).symlinks, 1);
    assert.equal(readlinkSync(target), "neighbour");
  });

  test("are all made, or none, where that is asked for", async (t) => {
    const { target } = twoDirectories(t);
    const tree = [rawDirectory(undefined, rawLink("a", "/etc"), rawLink("b", "a"))];
    assert.equal((await make(`${target}-1`, tree, "all")).symlinks, 2);
    assert.equal((await make(`${target}-2`, tree, "none")).skipped.length, 2);
    assert.deepEqual(namesIn(`${target}-2`), []);
  });

  test("replace a link or file of the same name, below directories that may not be written to", async (t) => {
    const { target } = twoDirectories(t);
    const tree = [rawEntry(undefined, 0o040500), rawEntry("d", 0o040500), rawLink("l", "new"), rawLeave(), rawLeave()];
    mkdirSync(join(target, "d"), { recursive: true });
    symlinkSync("old", join(target, "d/l"));
    await make(target, tree);
    assert.equal(readlinkSync(join(target, "d/l")), "new");
    await make(`${target}-new`, tree);
    assert.equal(statSync(join(`${target}-new`, "d")).mode & 0o777, 0o500);
    assert.equal(statSync(`${target}-new`).mtimeMs, 1_700_000_000_123.4568);
    chmodSync(`${target}-new`, 0o700);
  });
});

test("the data of a sparse block is found between its zeros", () => {
  const block = Buffer.alloc(5 * 4_096 + 10);
  assert.deepEqual([...dataRanges(block)], []);
  block[4_096] = 1;
  block[5 * 4_096 + 9] = 1;
  assert.deepEqual(
    [...dataRanges(block)],
    [
      [4_096, 8_192],
      [5 * 4_096, block.length],
    ],
  );
  assert.deepEqual([...dataRanges(Buffer.alloc(10_000, 1))], [[0, 10_000]]);
});
