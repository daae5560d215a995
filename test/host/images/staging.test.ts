import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pruneStaging } from "../../../src/images/staging.ts";
import { ownMountsPrefix } from "../../../src/images/own-tree.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";

describe("what a dead build left", () => {
  test("is not removed while something is mounted in it, which would be emptied", async (t) => {
    const imageDir = temporaryDir(t);
    const birth = Buffer.from("long ago").toString("base64url");
    const left = join(imageDir, "staging", `1-${birth}-0123456789ab`);
    const shm = join(left, "root", "dev", "shm with space");
    mkdirSync(shm, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", shm]);
    let isMounted = true;
    t.after(() => isMounted && execFileSync("umount", [shm]));
    writeFileSync(join(shm, "precious"), "data");
    await assert.rejects(pruneStaging(imageDir), { name: "ImageError", message: /shm with space is mounted in/ });
    assert.equal(readFileSync(join(shm, "precious"), "utf8"), "data");
    execFileSync("umount", [shm]);
    isMounted = false;
    assert.equal((await pruneStaging(imageDir)).length, 1);
    assert.ok(!existsSync(left));
  });

  test("has no mounts: those of a build are seen by nobody else, and end with it", (t) => {
    const dir = temporaryDir(t);
    const script = 'mount -t tmpfs tmpfs "$0" && touch "$0/inside"';
    execFileSync("env", [...ownMountsPrefix(), "sh", "-c", script, dir]);
    assert.ok(!existsSync(join(dir, "inside")));
  });
});
