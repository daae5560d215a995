import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { findProgram } from "../../../src/host/find-program.ts";
import { writeCpioArchive } from "../../../src/images/cpio.ts";

test("a cpio archive has exactly the bytes of the newc format", () => {
  const archive = writeCpioArchive([{ type: "file", path: "a", content: Buffer.from("hello"), mode: 0o755 }]);
  const header =
    "07070100000001000081ED000000000000000000000001000000000000000500000000000000000000000000000000" +
    "0000000200000000";
  const trailer = "0707010000000000000000000000000000000000000001" + "0".repeat(48) + "0000000B00000000TRAILER!!!";
  assert.equal(archive.toString("latin1", 0, 110), header);
  assert.equal(archive.toString("latin1", 110, 120), "a\0hello\0\0\0");
  assert.equal(archive.toString("latin1", 120, 240), trailer);
  assert.equal(archive.length, 512);
  assert.ok(archive.subarray(240).every((byte) => byte === 0));
});

test("the bytes of an archive do not depend on the order in which its entries are given", () => {
  const entries = [
    { type: "directory", path: "dev" },
    { type: "character-device", path: "dev/console", major: 5, minor: 1 },
    { type: "symlink", path: "link", target: "dev" },
  ] as const;
  assert.deepEqual(writeCpioArchive(entries), writeCpioArchive(entries.toReversed()));
});

test("a path that could leave the archive's root, or occurs twice, is refused", () => {
  for (const path of ["/etc", "../etc", "a/../../etc", "", "a\0b"]) {
    assert.throws(() => writeCpioArchive([{ type: "directory", path }]), RangeError, path);
  }
  const twice = { type: "directory", path: "a" } as const;
  assert.throws(() => writeCpioArchive([twice, twice]), /occurs twice/);
});

test("cpio(1) lists what was written", { skip: findProgram("cpio") ? false : "cpio is not installed" }, () => {
  const archive = writeCpioArchive([
    { type: "directory", path: "dev" },
    { type: "character-device", path: "dev/console", major: 5, minor: 1 },
    { type: "file", path: "init", content: Buffer.alloc(1001, 7), mode: 0o755 },
    { type: "symlink", path: "link", target: "init" },
  ]);
  const listing = execFileSync("cpio", ["-tv", "--quiet"], { input: archive, encoding: "utf8" }).trim().split("\n");
  assert.deepEqual(
    listing.map((line) => line.replaceAll(/\s+/g, " ").replace(/ \w{3} \d+ (\d{4}|[\d:]+)/, "")),
    [
      "drwxr-xr-x 2 root root 0 dev",
      "crw------- 1 root root 5, 1 dev/console",
      "-rwxr-xr-x 1 root root 1001 init",
      "lrwxrwxrwx 1 root root 4 link -> init",
    ],
  );
});
