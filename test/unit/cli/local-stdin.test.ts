import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";

const MODULE = new URL("../../../src/cli/local-stdin.ts", import.meta.url).href;
const SCRIPT = `const { localStdin } = await import("${MODULE}");
  try { using stdin = localStdin(false); console.log(typeof stdin.source); } catch (error) { console.log(error.code); }`;

/** What a program says whose stdin is this. */
function saidOf(stdin: number | "pipe"): string {
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", SCRIPT], {
    stdio: [stdin, "pipe", "inherit"],
    encoding: "utf8",
  });
  return stdout.trim();
}

test("a directory as stdin is refused, a pipe and a file are read", () => {
  const directory = openSync(tmpdir(), "r");
  const file = openSync(import.meta.filename, "r");
  try {
    assert.equal(saidOf(directory), "INVALID_OPTION");
    assert.equal(saidOf(file), "object");
    assert.equal(saidOf("pipe"), "object");
  } finally {
    closeSync(directory);
    closeSync(file);
  }
});
