import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findProgram } from "../../../src/host/find-program.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";

test("a program is the first executable file of that name in PATH", (t) => {
  const [first, second] = [temporaryDir(t), temporaryDir(t)];
  const path = `relative:${first}::${second}`;
  assert.equal(findProgram("tool", path), undefined);
  mkdirSync(join(first, "tool"));
  writeFileSync(join(second, "tool"), "");
  assert.equal(findProgram("tool", path), undefined, "neither a directory nor a file that cannot be executed is one");
  chmodSync(join(second, "tool"), 0o755);
  assert.equal(findProgram("tool", path), join(second, "tool"));
  assert.equal(findProgram(join(second, "tool"), ""), join(second, "tool"));
  assert.equal(findProgram("tool", ""), undefined);
});

test("the working directory is no place for programs", () => {
  assert.equal(findProgram("run.ts", "test:."), undefined);
});
