import assert from "node:assert/strict";
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
import { describe } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { temporaryDir } from "../../support/temporary-dir.ts";
import { fact, failsWith, FilesUnderTest, type FilesSubject, mixedBytes, sha256 } from "./files-subject.ts";

/** What every guest agent must do with what is uploaded and downloaded. The agent must be root. */
export function treesConformance(name: string, guest: FilesSubject): void {
  const bulkBytes = guest.bulkBytes ?? 20_000_000;

  describe(`the uploads and downloads of ${name}`, () => {
    const subject = new FilesUnderTest(guest, "tree");
    const { files } = subject;

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
      const guest = `${await subject.fresh()}/above/tree`;

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
      const folder = await subject.fresh();
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
      const folder = await subject.fresh();
      mkdirSync(join(directory, "tree/inner"), { recursive: true });
      writeFileSync(join(directory, "tree/inner/new"), "new");
      writeFileSync(join(directory, "tree/inner/both"), "new");
      await files.write(`${folder}/inner/kept`, "kept", { parents: true });
      await files.write(`${folder}/inner/both`, "old");
      await files.upload(join(directory, "tree"), folder);
      assert.deepEqual(await subject.names(`${folder}/inner`), ["both", "kept", "new"]);
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
      const guest = `${await subject.fresh()}/tree`;
      assert.equal((await files.upload(from, guest)).files, 2_000);
      assert.equal((await files.list(guest, { recursive: true })).length, 2_020);
      assert.equal((await files.download(guest, join(directory, "to"))).files, 2_000);
      assert.equal(readFileSync(join(directory, "to/7/file-1987"), "utf8"), "content of 1987\n");
      await files.remove(guest, { recursive: true });
    });

    fact("of an upload that is aborted are not all there, and none of them is half", async (t) => {
      const directory = temporaryDir(t);
      writeFileSync(join(directory, "large"), mixedBytes(bulkBytes));
      const folder = await subject.fresh();
      const controller = new AbortController();
      const call = files.upload(directory, `${folder}/tree`, {
        signal: controller.signal,
        onProgress: ({ bytes }) => {
          if (bytes > 1_000_000) controller.abort(new Error("enough"));
        },
      });
      await assert.rejects(call, /enough/);
      let left = await subject.names(`${folder}/tree`);
      for (let tries = 0; left.length > 0; tries += 1) {
        assert.ok(tries < 40, `${left.join(", ")} outlives its upload`);
        await pause(50);
        left = await subject.names(`${folder}/tree`);
      }
    });
  });
}
