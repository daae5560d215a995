import assert from "node:assert/strict";
import { mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  makePrivateDir,
  resolveDataDir,
  resolveImageDir,
  resolveSocketDir,
  vmSocketDir,
} from "../../../src/host/paths.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";

describe("directories", () => {
  test("the argument comes before the variable, and the variable before the default", () => {
    assert.equal(resolveDataDir("/a", { SMOLVM_DATA_DIR: "/b" }), "/a");
    assert.equal(resolveDataDir(undefined, { SMOLVM_DATA_DIR: "/b" }), "/b");
    assert.equal(resolveDataDir("relative", {}), join(process.cwd(), "relative"));
    const byDefault = resolveDataDir(undefined, { SMOLVM_DATA_DIR: "" });
    assert.ok([join(homedir(), ".local/state/smolvm"), "/var/lib/smolvm"].includes(byDefault));
    assert.equal(resolveImageDir("/a", { SMOLVM_IMAGE_DIR: "/b" }), "/a");
    assert.equal(resolveImageDir(undefined, { SMOLVM_IMAGE_DIR: "/b", XDG_CACHE_HOME: "/c" }), "/b");
    assert.equal(resolveImageDir(undefined, { XDG_CACHE_HOME: "/c" }), "/c/smolvm/images");
    assert.equal(resolveImageDir(undefined, {}), join(homedir(), ".cache/smolvm/images"));
    assert.equal(resolveSocketDir("/d"), "/d/sockets");
    assert.equal(resolveSocketDir("/d", "/s"), "/s");
  });

  test("sockets of a VM lie in the data directory where their paths are short enough, else in the temporary one", () => {
    assert.equal(vmSocketDir("/d", "/d/sockets", "vm"), "/d/sockets/vm");
    const long = `/${"d".repeat(90)}`;
    const elsewhere = vmSocketDir(long, `${long}/sockets`, "vm");
    assert.match(elsewhere, /\/smolvm-[0-9a-f]{16}$/);
    assert.ok(elsewhere.startsWith(tmpdir()) || elsewhere.startsWith("/tmp/"));
    assert.ok(Buffer.byteLength(join(elsewhere, "qmp.sock")) <= 103);
  });

  test("the length of a path counts in bytes, not in characters", () => {
    const unicode = `/${"ü".repeat(45)}`;
    assert.match(vmSocketDir(unicode, `${unicode}/sockets`, "vm"), /\/smolvm-/);
    assert.equal(
      vmSocketDir(`/${"u".repeat(45)}`, `/${"u".repeat(45)}/sockets`, "vm"),
      `/${"u".repeat(45)}/sockets/vm`,
    );
  });

  test("data directories that share a socket directory do not share a VM's sockets, and processes agree", () => {
    assert.notEqual(vmSocketDir("/a", "/s", "vm"), vmSocketDir("/b", "/s", "vm"));
    assert.notEqual(vmSocketDir("/a", "/s", "one"), vmSocketDir("/a", "/s", "two"));
    assert.equal(vmSocketDir("/a", "/s", "vm"), vmSocketDir("/a", "/s", "vm"));
  });

  test("a private directory is for its owner alone, and may be made twice", (t) => {
    const path = join(temporaryDir(t), "a", "b");
    makePrivateDir(path);
    makePrivateDir(path);
    assert.equal(statSync(path).mode & 0o777, 0o700);
  });

  test("what somebody else has put in its place is refused", (t) => {
    const folder = temporaryDir(t);
    writeFileSync(join(folder, "file"), "");
    mkdirSync(join(folder, "real"));
    symlinkSync(join(folder, "real"), join(folder, "link"));
    for (const name of ["file", "file/below", "link"]) {
      assert.throws(() => makePrivateDir(join(folder, name)), { name: "HostError", code: "IO_ERROR" }, name);
    }
  });
});
