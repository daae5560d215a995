import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { assertRoom } from "../../../src/host/free-space.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";

const MIB = 2 ** 20;
/** 10 MiB less a block for users, whatever root may fill. */
const small = async (): Promise<{ bavail: number; bfree: number; bsize: number }> => ({
  bavail: 2559,
  bfree: 9999,
  bsize: 4096,
});

test("there is room for as many bytes as a user may fill, and not for one more", async () => {
  await assertRoom("/data", 2559 * 4096, small);
  await assert.rejects(assertRoom("/data", 2559 * 4096 + 1, small), {
    name: "HostError",
    code: "NO_SPACE",
    message: "10 MiB are needed in /data, and 9 MiB are free",
    details: { directory: "/data", neededBytes: 2559 * 4096 + 1, freeBytes: 2559 * 4096 },
    hint: /file system of that directory/,
  });
});

test("the filesystem of a directory is asked, and one that does not exist is named", async (t) => {
  const dir = temporaryDir(t);
  await assertRoom(dir, MIB);
  await assert.rejects(assertRoom(dir, 2 ** 70), { code: "NO_SPACE" });
  await assert.rejects(assertRoom(join(dir, "none"), 1), { code: "IO_ERROR", message: /none cannot be read: ENOENT/ });
});
