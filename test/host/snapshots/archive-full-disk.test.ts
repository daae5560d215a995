import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { assertRoom } from "../../../src/host/free-space.ts";
import { extractEntry } from "../../../src/snapshots/archive/extract-entry.ts";
import { openArchive } from "../../../src/snapshots/archive/open-archive.ts";
import { writeArchive } from "../../../src/snapshots/archive/write-archive.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";

const MIB = 2 ** 20;
const content = {
  manifest: null,
  entries: [{ name: "memory", sizeBytes: 3 * MIB, mode: 0o600, runs: [{ offset: MIB, bytes: randomBytes(2 * MIB) }] }],
};

/** A directory, and a filesystem of 1 MiB in it until the end of the block. */
function smallFilesystem(t: TestContext): Disposable & { readonly dir: string; readonly small: string } {
  const dir = temporaryDir(t);
  const small = join(dir, "small");
  mkdirSync(small);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", small]);
  return { dir, small, [Symbol.dispose]: () => void execFileSync("umount", [small]) };
}

test("an archive that the disk has no room for is a typed error, and leaves nothing", async (t) => {
  using disks = smallFilesystem(t);
  const { small } = disks;
  await assert.rejects(writeArchive(join(small, "a"), content), {
    name: "HostError",
    code: "NO_SPACE",
    hint: /another one/,
  });
  assert.deepEqual(readdirSync(small), []);
});

test("an entry that the disk has no room for is a typed error, and leaves nothing", async (t) => {
  using disks = smallFilesystem(t);
  const { dir, small } = disks;
  await writeArchive(join(dir, "a"), content);
  await using archive = await openArchive(join(dir, "a"));
  await assert.rejects(
    async () => {
      for await (const entry of archive.entries) await extractEntry(entry, join(small, "memory"));
    },
    { name: "HostError", code: "NO_SPACE" },
  );
  assert.deepEqual(readdirSync(small), []);
});

test("what a full disk would refuse is foreseen", async (t) => {
  using disks = smallFilesystem(t);
  const { small } = disks;
  await assertRoom(small, MIB);
  await assert.rejects(assertRoom(small, MIB + 1), {
    code: "NO_SPACE",
    details: { directory: small, neededBytes: MIB + 1, freeBytes: MIB },
  });
});
