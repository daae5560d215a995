import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { makeSshHostKey } from "../../../src/guest/identity/ssh-host-key.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";

const skip = spawnSync("ssh-keygen", ["-?"]).error === undefined ? false : "ssh-keygen is not installed";

describe("a host key", () => {
  test("is read by OpenSSH, which finds the public key that belongs to it", { skip }, (t) => {
    // Comments of other lengths need other padding.
    for (const comment of ["", "a", "vm", "sbx", "sbx1", "sbx-2", "sbx-33", "sbx-444", "sbx-5555"]) {
      const key = makeSshHostKey(comment);
      const path = join(temporaryDir(t), "key");
      writeFileSync(path, key.privateKey, { mode: 0o600 });
      assert.equal(execFileSync("ssh-keygen", ["-y", "-f", path], { encoding: "utf8" }).trim(), key.publicKey.trim());
      writeFileSync(`${path}.pub`, key.publicKey);
      assert.match(
        execFileSync("ssh-keygen", ["-l", "-f", `${path}.pub`], { encoding: "utf8" }),
        /^256 SHA256:.*\(ED25519\)$/m,
      );
    }
  });

  test("fits into a CONFIGURE, and no two are the same", () => {
    const keys = Array.from({ length: 100 }, () => makeSshHostKey("v".repeat(63)));
    assert.equal(new Set(keys.map(({ privateKey }) => privateKey)).size, keys.length);
    assert.equal(new Set(keys.map(({ publicKey }) => publicKey)).size, keys.length);
    for (const { privateKey, publicKey } of keys) {
      assert.ok(privateKey.length <= 1_024 && publicKey.length <= 1_024);
      assert.match(publicKey, /^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA[\w+/]+ v{63}\n$/);
      for (const line of privateKey.split("\n")) assert.ok(line.length <= 70);
    }
  });
});
