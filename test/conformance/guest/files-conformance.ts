import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  chmodSync,
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
import { join } from "node:path";
import { after, before, describe, test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { SmolVMError } from "../../../src/errors/smolvm-error.ts";
import { GuestFileError } from "../../../src/guest/files/file-error.ts";
import type { FileChange } from "../../../src/guest/files/watch-path.ts";
import type { GuestChannel } from "../../../src/guest/index.ts";
import { VMFiles } from "../../../src/vm/files/files.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";

/** One kind of guest that the suite runs on. */
export interface FilesSubject {
  /** Opens a channel of its own; the suite closes it. */
  readonly connect: () => Promise<GuestChannel>;
  /** An empty directory of the guest, on a filesystem that keeps holes; the suite's own. */
  readonly directory: () => string;
  /** Bytes of large files. Default 20 MB. */
  readonly bulkBytes?: number;
}

const failsWith = (code: string) => (error: unknown) => {
  assert.ok(error instanceof GuestFileError, String(error));
  assert.equal(error.code, code);
  return true;
};
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Bytes that repeat nowhere near. */
function mixedBytes(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes + 4);
  for (let at = 0; at < sizeBytes; at += 4) bytes.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
  return bytes.subarray(0, sizeBytes);
}

/** What every guest agent must do with files. The agent must be root. */
export function filesConformance(name: string, subject: FilesSubject): void {
  const bulkBytes = subject.bulkBytes ?? 20_000_000;
  let channel: GuestChannel;
  let files: VMFiles;
  let folders = 0;

  /** A fresh directory in the guest. */
  const fresh = async (): Promise<string> => {
    folders += 1;
    const path = `${subject.directory()}/${folders}`;
    await files.mkdir(path);
    return path;
  };
  const names = async (path: string): Promise<string[]> => (await files.list(path)).map((entry) => entry.name);
  /** What is in a directory that may not have been made. */
  const left = async (path: string): Promise<string[]> => ((await files.exists(path)) ? await names(path) : []);
  const fact = (title: string, check: (t: TestContext) => Promise<void>): void =>
    void test(title, { timeout: 120_000 }, check);

  describe(`the files of ${name}`, () => {
    before(async () => {
      channel = await subject.connect();
      files = new VMFiles(async () => channel);
    });
    after(() => channel.close());

    fact("are read as they were written, to the byte", async () => {
      const path = `${await fresh()}/file`;
      const sync = Buffer.from("ff534d4f4c564d2d53594e43fec3a5ff", "hex");
      for (const bytes of [
        Buffer.alloc(0),
        Buffer.from([0]),
        mixedBytes(65_536),
        mixedBytes(1_000_003),
        Buffer.concat([sync, sync]),
      ]) {
        await files.write(path, bytes);
        assert.equal(sha256(await files.read(path)), sha256(bytes));
        assert.equal((await files.stat(path)).size, bytes.length);
      }
      await files.write(path, "größer\n");
      assert.equal(await files.readText(path), "größer\n");
      assert.equal(Buffer.from(await files.read(path, { offset: 2, length: 3 })).toString("latin1"), "\xc3\xb6\xc3");
      assert.equal((await files.read(path, { offset: 100 })).length, 0);
      assert.equal((await files.read(path, { length: 0 })).length, 0);
    });

    fact("go through streams both ways, large ones too", async () => {
      const path = `${await fresh()}/file`;
      const bytes = mixedBytes(bulkBytes);
      const writer = files.writeStream(path).getWriter();
      for (let at = 0; at < bytes.length; at += 500_000) await writer.write(bytes.subarray(at, at + 500_000));
      await writer.close();
      const hash = createHash("sha256");
      for await (const chunk of files.readStream(path)) hash.update(chunk);
      assert.equal(hash.digest("hex"), sha256(bytes));
      await files.write(path, files.readStream(path, { offset: 1_000, length: 2_000 }));
      assert.equal(sha256(await files.read(path)), sha256(bytes.subarray(1_000, 3_000)));
    });

    fact("keep permissions, owner and links when they are replaced", async () => {
      const folder = await fresh();
      const path = `${folder}/file`;
      await files.write(path, "one");
      const first = await files.stat(path);
      assert.deepEqual([first.mode, first.uid, first.gid, first.type], [0o644, 0, 0, "file"]);
      await files.chmod(path, 0o640);
      await files.chown(path, { uid: 1_234, gid: 4_321 });
      await files.symlink("file", `${folder}/link`);
      await files.write(`${folder}/link`, "two");
      const second = await files.stat(path);
      assert.deepEqual([second.mode, second.uid, second.gid], [0o640, 1_234, 4_321]);
      assert.notEqual(second.inode, first.inode);
      assert.equal((await files.stat(`${folder}/link`, { followSymlinks: false })).target, "file");
      await files.write(path, "three", { mode: 0o4755, owner: { uid: 5, gid: 6 } });
      const third = await files.stat(path);
      assert.deepEqual([third.mode, third.uid, third.gid], [0o4755, 5, 6]);
      assert.deepEqual(await names(folder), ["file", "link"]);
    });

    fact("are written in place, at an offset or at the end, where that is asked for", async () => {
      const path = `${await fresh()}/file`;
      await files.write(path, "0123456789", { atomic: false });
      const { inode } = await files.stat(path);
      await files.write(path, "ab", { offset: 4 });
      assert.equal(await files.readText(path), "0123ab6789");
      await files.write(path, "!", { append: true });
      assert.equal(await files.readText(path), "0123ab6789!");
      await files.write(path, "new", { atomic: false });
      assert.equal(await files.readText(path), "new");
      assert.equal((await files.stat(path)).inode, inode);
      await files.write("/dev/null", "x", { atomic: false });
    });

    fact("refuse what cannot be, with a code that says what", async () => {
      const folder = await fresh();
      await files.write(`${folder}/file`, "x");
      await files.mkdir(`${folder}/full/inner`, { recursive: true });
      await assert.rejects(files.read(`${folder}/none`), failsWith("FILE_NOT_FOUND"));
      await assert.rejects(files.read(folder), failsWith("IS_A_DIRECTORY"));
      await assert.rejects(files.read("/dev/null"), failsWith("NOT_A_FILE"));
      await assert.rejects(files.read(`${folder}/file/x`), failsWith("NOT_A_DIRECTORY"));
      await assert.rejects(files.write(`${folder}/none/file`, "x"), failsWith("FILE_NOT_FOUND"));
      await assert.rejects(files.write(folder, "x"), (error: SmolVMError) =>
        ["IS_A_DIRECTORY", "NOT_A_FILE"].includes(error.code),
      );
      await assert.rejects(files.write(`${folder}/file`, "y", { exclusive: true }), failsWith("FILE_EXISTS"));
      await assert.rejects(files.write(`${folder}/new`, "y", { owner: "no-such-user" }), failsWith("UNKNOWN_USER"));
      await assert.rejects(files.mkdir(`${folder}/full`), failsWith("FILE_EXISTS"));
      await assert.rejects(files.remove(`${folder}/full`), failsWith("DIRECTORY_NOT_EMPTY"));
      await assert.rejects(files.remove(`${folder}/none`), failsWith("FILE_NOT_FOUND"));
      await assert.rejects(files.list(`${folder}/file`), failsWith("NOT_A_DIRECTORY"));
      await assert.rejects(files.list(`${folder}/none`), failsWith("FILE_NOT_FOUND"));
      await assert.rejects(files.symlink("x", `${folder}/file`), failsWith("FILE_EXISTS"));
      await assert.rejects(files.watch(`${folder}/none`), failsWith("FILE_NOT_FOUND"));
      await assert.rejects(files.download(`${folder}/none`, "/tmp/never-made"), failsWith("FILE_NOT_FOUND"));
      await assert.rejects(
        files.rename(`${folder}/file`, `${folder}/full`, { overwrite: false }),
        failsWith("FILE_EXISTS"),
      );
      await assert.rejects(files.stat(`${folder}/${"n".repeat(300)}`), { errno: "ENAMETOOLONG" });
      assert.deepEqual(await names(folder), ["file", "full"]);
      assert.equal(await files.readText(`${folder}/file`), "x");
    });

    fact("are made, listed, moved and removed", async () => {
      const folder = await fresh();
      await files.mkdir(`${folder}/a/b/c`, { recursive: true, mode: 0o750, owner: { uid: 7, gid: 8 } });
      await files.mkdir(`${folder}/a/b/c`, { recursive: true });
      const made = await files.stat(`${folder}/a/b/c`);
      assert.deepEqual([made.type, made.mode, made.uid, made.gid], ["directory", 0o750, 7, 8]);
      assert.equal((await files.stat(`${folder}/a`)).mode, 0o755);
      await files.write(`${folder}/a/b/deep/er/file`, "x", { parents: true });
      await files.symlink("/nowhere", `${folder}/a/link`);
      assert.deepEqual(
        (await files.list(folder, { recursive: true })).map((entry) => [entry.name, entry.type]),
        [
          ["a", "directory"],
          ["a/b", "directory"],
          ["a/b/c", "directory"],
          ["a/b/deep", "directory"],
          ["a/b/deep/er", "directory"],
          ["a/b/deep/er/file", "file"],
          ["a/link", "symlink"],
        ],
      );
      const [link] = (await files.list(`${folder}/a`)).slice(1);
      assert.deepEqual([link?.name, link?.path, link?.target], ["link", `${folder}/a/link`, "/nowhere"]);
      await files.rename(`${folder}/a/b/deep/er/file`, `${folder}/moved`);
      await files.write(`${folder}/other`, "other");
      await files.rename(`${folder}/other`, `${folder}/moved`);
      assert.equal(await files.readText(`${folder}/moved`), "other");
      assert.deepEqual(
        [
          await files.exists(`${folder}/moved`),
          await files.exists(`${folder}/other`),
          await files.exists(`${folder}/a/link`),
          await files.exists(`${folder}/a/link`, { followSymlinks: false }),
          await files.exists(`${folder}/moved/x`),
        ],
        [true, false, false, true, false],
      );
      await files.remove(`${folder}/a/link`);
      await files.remove(`${folder}/a`, { recursive: true });
      await files.remove(`${folder}/a`, { recursive: true, force: true });
      assert.deepEqual(await names(folder), ["moved"]);
    });

    fact("change permissions, owner and time, alone or with all that is below, and never through a link", async () => {
      const folder = await fresh();
      await files.write(`${folder}/outside`, "x");
      await files.mkdir(`${folder}/tree/inner`, { recursive: true });
      await files.write(`${folder}/tree/inner/file`, "x");
      await files.symlink("../outside", `${folder}/tree/link`);
      await files.chown(`${folder}/tree`, "1:2", { recursive: true });
      await files.chmod(`${folder}/tree`, 0o711, { recursive: true });
      const file = await files.stat(`${folder}/tree/inner/file`);
      assert.deepEqual([file.uid, file.gid, file.mode], [1, 2, 0o711]);
      const link = await files.stat(`${folder}/tree/link`, { followSymlinks: false });
      assert.deepEqual([link.uid, link.gid], [1, 2]);
      const outside = await files.stat(`${folder}/outside`);
      assert.deepEqual([outside.uid, outside.mode], [0, 0o644]);
      for (const time of [new Date("2001-02-03T04:05:06.789Z"), new Date("1969-12-31T23:59:58.500Z")]) {
        await files.utimes(`${folder}/outside`, time);
        assert.equal((await files.stat(`${folder}/outside`)).mtimeMs, time.getTime());
      }
      await files.utimes(`${folder}/tree/link`, new Date(5_000), { followSymlinks: false });
      assert.equal((await files.stat(`${folder}/tree/link`, { followSymlinks: false })).mtimeMs, 5_000);
    });

    fact("stay as they were when a write is aborted, fails at its source or loses its channel", async () => {
      const folder = await fresh();
      const path = `${folder}/file`;
      await files.write(path, "old");
      const endless = async function* (): AsyncGenerator<Uint8Array> {
        for (;;) {
          yield Buffer.alloc(100_000);
          await pause(1);
        }
      };
      const controller = new AbortController();
      const aborted = files.write(path, endless(), { signal: controller.signal });
      await pause(50);
      controller.abort(new Error("enough"));
      await assert.rejects(aborted, /enough/);
      const writer = files.writeStream(path).getWriter();
      await writer.write(Buffer.alloc(300_000));
      await writer.abort(new Error("not wanted"));
      assert.deepEqual(await names(folder), ["file"]);

      const other = await subject.connect();
      const cut = new VMFiles(async () => other).write(path, endless());
      await pause(50);
      await Promise.all([assert.rejects(cut, (error: SmolVMError) => error.code === "CHANNEL_BROKEN"), other.close()]);
      for (let tries = 0; (await names(folder)).length > 1; tries += 1) {
        assert.ok(tries < 40, "a temporary file outlives its channel");
        await pause(50);
      }
      assert.equal(await files.readText(path), "old");
    });

    fact("without a size are read to their end, and limits hold for them", async () => {
      assert.match(await files.readText("/proc/self/status"), /^Name:/);
      await assert.rejects(files.read("/proc/self/status", { maxBytes: 10 }), { code: "TRANSFER_LIMIT" });
    });

    fact("are moved as trees, with all that belongs to them", async (t) => {
      const directory = temporaryDir(t);
      const from = join(directory, "from");
      mkdirSync(join(from, "deep/er"), { recursive: true });
      mkdirSync(join(from, "empty"));
      writeFileSync(join(from, "deep/er/program"), "#!/bin/sh\n");
      chmodSync(join(from, "deep/er/program"), 0o4750);
      writeFileSync(join(from, "deep/large"), mixedBytes(3_000_001));
      writeFileSync(join(from, "none"), "");
      writeFileSync(Buffer.from(join(from, "odd-\xff\xfe"), "latin1"), "odd");
      writeFileSync(join(from, "sparse"), "start");
      truncateSync(join(from, "sparse"), 40_000_000);
      writeFileSync(join(from, "sparse"), "end", { flag: "a" });
      symlinkSync("../none", join(from, "deep/inside"));
      symlinkSync("/etc/passwd", join(from, "deep/outside"));
      utimesSync(join(from, "none"), 1, 1_234_567_890.25);
      utimesSync(join(from, "deep"), 1, 1_100_000_000);
      const guest = `${await fresh()}/above/tree`;

      const sent = await files.upload(from, guest, { owner: "1000:1001" });
      assert.deepEqual([sent.files, sent.directories, sent.symlinks, sent.skipped], [5, 4, 2, []]);
      const program = await files.stat(`${guest}/deep/er/program`);
      assert.deepEqual([program.mode & 0o777, program.uid, program.gid], [0o750, 1_000, 1_001]);
      assert.equal((await files.stat(`${guest}/none`)).mtimeMs, 1_234_567_890_250);
      assert.equal((await files.stat(`${guest}/deep`)).mtimeMs, 1_100_000_000_000);
      assert.equal((await files.stat(`${guest}/deep/outside`, { followSymlinks: false })).target, "/etc/passwd");
      assert.equal((await files.stat(`${guest}/sparse`)).size, 40_000_003);

      const to = join(directory, "to");
      const came = await files.download(guest, to);
      assert.deepEqual([came.files, came.directories, came.symlinks], [5, 4, 1]);
      assert.deepEqual(
        came.skipped.map(({ path }) => path),
        ["deep/outside"],
      );
      assert.ok(came.bytes < 3_200_000, "holes do not come");
      const listing = (path: string): string[] => readdirSync(path, { recursive: true, encoding: "utf8" }).toSorted();
      assert.deepEqual(
        listing(to),
        listing(from).filter((path) => path !== "deep/outside"),
      );
      assert.equal(sha256(readFileSync(join(to, "deep/large"))), sha256(readFileSync(join(from, "deep/large"))));
      assert.equal(readFileSync(Buffer.from(join(to, "odd-\xff\xfe"), "latin1"), "utf8"), "odd");
      assert.equal(readlinkSync(join(to, "deep/inside")), "../none");
      assert.equal(statSync(join(to, "deep/er/program")).mode & 0o7777, 0o750);
      const sparse = statSync(join(to, "sparse"));
      assert.ok(sparse.size === 40_000_003 && sparse.blocks * 512 < 200_000);
      assert.equal(sha256(readFileSync(join(to, "sparse"))), sha256(readFileSync(join(from, "sparse"))));
    });

    fact("are uploaded and downloaded alone, to exactly the path that is given", async (t) => {
      const directory = temporaryDir(t);
      const folder = await fresh();
      writeFileSync(join(directory, "one"), "one");
      await files.upload(join(directory, "one"), `${folder}/other-name`);
      assert.equal(await files.readText(`${folder}/other-name`), "one");
      await files.symlink("other-name", `${folder}/link`);
      await files.download(`${folder}/link`, join(directory, "two"));
      assert.equal(readFileSync(join(directory, "two"), "utf8"), "one");
      await assert.rejects(files.upload(directory, `${folder}/other-name`), failsWith("NOT_A_DIRECTORY"));
      await assert.rejects(files.download(folder, join(directory, "one")), { code: "IO_ERROR" });
    });

    fact("merge into a directory that exists", async (t) => {
      const directory = temporaryDir(t);
      const folder = await fresh();
      mkdirSync(join(directory, "tree/inner"), { recursive: true });
      writeFileSync(join(directory, "tree/inner/new"), "new");
      writeFileSync(join(directory, "tree/inner/both"), "new");
      await files.write(`${folder}/inner/kept`, "kept", { parents: true });
      await files.write(`${folder}/inner/both`, "old");
      await files.upload(join(directory, "tree"), folder);
      assert.deepEqual(await names(`${folder}/inner`), ["both", "kept", "new"]);
      assert.equal(await files.readText(`${folder}/inner/both`), "new");
    });

    fact("come and go by the thousand", async (t) => {
      const directory = temporaryDir(t);
      const from = join(directory, "from");
      for (let index = 0; index < 2_000; index += 1) {
        const folder = join(from, String(index % 20));
        if (index < 20) mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, `file-${index}`), `content of ${index}\n`);
      }
      const guest = `${await fresh()}/tree`;
      assert.equal((await files.upload(from, guest)).files, 2_000);
      assert.equal((await files.list(guest, { recursive: true })).length, 2_020);
      assert.equal((await files.download(guest, join(directory, "to"))).files, 2_000);
      assert.equal(readFileSync(join(directory, "to/7/file-1987"), "utf8"), "content of 1987\n");
      await files.remove(guest, { recursive: true });
    });

    fact("of an upload that is aborted are not all there, and none of them is half", async (t) => {
      const directory = temporaryDir(t);
      writeFileSync(join(directory, "large"), mixedBytes(bulkBytes));
      const folder = await fresh();
      const controller = new AbortController();
      const call = files.upload(directory, `${folder}/tree`, {
        signal: controller.signal,
        onProgress: ({ bytes }) => {
          if (bytes > 1_000_000) controller.abort(new Error("enough"));
        },
      });
      await assert.rejects(call, /enough/);
      let names = await left(`${folder}/tree`);
      for (let tries = 0; names.length > 0; tries += 1) {
        assert.ok(tries < 40, `${names.join(", ")} outlives its upload`);
        await pause(50);
        names = await left(`${folder}/tree`);
      }
    });

    fact("are watched: no change after the watch has begun is missed", async () => {
      const folder = await fresh();
      await files.mkdir(`${folder}/inner`);
      const seen: string[] = [];
      await using watcher = await files.watch(folder, { recursive: true });
      const note = ({ type, path }: FileChange): void => void seen.push(`${type} ${path.slice(folder.length)}`);
      const reading = (async () => {
        for await (const change of watcher) {
          note(change);
          if (change.path.endsWith("/last")) break;
        }
      })();
      await files.write(`${folder}/file`, "x", { atomic: false });
      await files.chmod(`${folder}/file`, 0o600);
      await files.rename(`${folder}/file`, `${folder}/inner/moved`);
      await files.remove(`${folder}/inner/moved`);
      await files.mkdir(`${folder}/later`);
      await files.write(`${folder}/later/last`, "x");
      await reading;
      const inOrder = [
        "create /file",
        "modify /file",
        "attributes /file",
        "remove /file",
        "create /inner/moved",
        "remove /inner/moved",
        "create /later",
        "create /later/last",
      ];
      let at = -1;
      for (const change of inOrder) {
        const found = seen.indexOf(change, at + 1);
        assert.ok(found > at, `${change} is missing in ${seen.join(", ")}`);
        at = found;
      }
    });

    fact("that are watched and go end the watch", async () => {
      const folder = await fresh();
      await files.write(`${folder}/file`, "x");
      await using watcher = await files.watch(`${folder}/file`);
      await files.remove(`${folder}/file`);
      const types: string[] = [];
      for await (const { type } of watcher) types.push(type);
      assert.ok(types.includes("remove"), types.join(", "));
    });

    fact("serve many callers at once", async () => {
      const folder = await fresh();
      await Promise.all(
        Array.from({ length: 300 }, async (_, index) => {
          const path = `${folder}/${index}`;
          await files.write(path, `${index}`.repeat(100));
          assert.equal(await files.readText(path), `${index}`.repeat(100));
        }),
      );
      assert.equal((await names(folder)).length, 300);
    });
  });
}
