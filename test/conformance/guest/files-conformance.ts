import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { SmolVMError } from "../../../src/errors/smolvm-error.ts";
import type { FileChange } from "../../../src/guest/files/watch-path.ts";
import { VMFiles } from "../../../src/vm/files/files.ts";
import { fact, failsWith, FilesUnderTest, type FilesSubject, mixedBytes, sha256 } from "./files-subject.ts";

/** What every guest agent must do with single files. The agent must be root. */
export function filesConformance(name: string, guest: FilesSubject): void {
  const bulkBytes = guest.bulkBytes ?? 20_000_000;

  describe(`the files of ${name}`, () => {
    const subject = new FilesUnderTest(guest, "file");
    const { files } = subject;

    fact("are read as they were written, to the byte", async () => {
      const path = `${await subject.fresh()}/file`;
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
      const path = `${await subject.fresh()}/file`;
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
      const folder = await subject.fresh();
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
      assert.deepEqual(await subject.names(folder), ["file", "link"]);
    });

    fact("are written in place, at an offset or at the end, where that is asked for", async () => {
      const path = `${await subject.fresh()}/file`;
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
      const folder = await subject.fresh();
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
      assert.deepEqual(await subject.names(folder), ["file", "full"]);
      assert.equal(await files.readText(`${folder}/file`), "x");
    });

    fact("are made, listed, moved and removed", async () => {
      const folder = await subject.fresh();
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
      assert.deepEqual(await subject.names(folder), ["moved"]);
    });

    fact("change permissions, owner and time, alone or with all that is below, and never through a link", async () => {
      const folder = await subject.fresh();
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
      const folder = await subject.fresh();
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
      assert.deepEqual(await subject.names(folder), ["file"]);

      const other = await guest.connect();
      const cut = new VMFiles(async () => other).write(path, endless());
      await pause(50);
      await Promise.all([assert.rejects(cut, (error: SmolVMError) => error.code === "CHANNEL_BROKEN"), other.close()]);
      for (let tries = 0; (await subject.names(folder)).length > 1; tries += 1) {
        assert.ok(tries < 40, "a temporary file outlives its channel");
        await pause(50);
      }
      assert.equal(await files.readText(path), "old");
    });

    fact("without a size are read to their end, and limits hold for them", async () => {
      assert.match(await files.readText("/proc/self/status"), /^Name:/);
      await assert.rejects(files.read("/proc/self/status", { maxBytes: 10 }), { code: "TRANSFER_LIMIT" });
    });

    fact("are watched: no change after the watch has begun is missed", async () => {
      const folder = await subject.fresh();
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
      const folder = await subject.fresh();
      await files.write(`${folder}/file`, "x");
      await using watcher = await files.watch(`${folder}/file`);
      await files.remove(`${folder}/file`);
      const types: string[] = [];
      for await (const { type } of watcher) types.push(type);
      assert.ok(types.includes("remove"), types.join(", "));
    });

    fact("serve many callers at once", async () => {
      const folder = await subject.fresh();
      await Promise.all(
        Array.from({ length: 300 }, async (_, index) => {
          const path = `${folder}/${index}`;
          await files.write(path, `${index}`.repeat(100));
          assert.equal(await files.readText(path), `${index}`.repeat(100));
        }),
      );
      assert.equal((await subject.names(folder)).length, 300);
    });
  });
}
