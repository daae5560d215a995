import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { TestContext } from "node:test";
import { readTail } from "../../../src/process/read-tail.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";

function fileWith(t: TestContext, content: string): string {
  const path = join(temporaryDir(t), "log");
  writeFileSync(path, content);
  return path;
}

describe("the tail of a log", () => {
  test("of a file that was never written is empty", () => assert.equal(readTail("/nonexistent/log"), ""));

  test("is its last 4 KiB", (t) => {
    const tail = readTail(fileWith(t, `${"a".repeat(10_000)}${"b".repeat(4_096)}`));
    assert.equal(tail, "b".repeat(4_096));
  });

  test("begins where this boot began", (t) => {
    assert.equal(readTail(fileWith(t, "boot 1\nboot 2\n"), 7), "boot 2");
    assert.equal(readTail(fileWith(t, "boot 1\n"), 7), "");
    assert.equal(readTail(fileWith(t, ""), 7), "");
  });

  test("has no control characters, so that a guest cannot write to the terminal that shows it", (t) => {
    const hostile = "\u001b[2J\u001b]0;title\u0007red\u009b31m\r\0\u007f\ttab\nline ü";
    assert.equal(readTail(fileWith(t, hostile)), "[2J]0;titlered31m\ttab\nline ü");
  });
});
