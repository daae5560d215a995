import assert from "node:assert/strict";
import { test } from "node:test";
import { cleanForTerminal } from "../../../src/cli/terminal-text.ts";

test("a guest's text keeps newlines, tabs and letters, and loses what would move a terminal's cursor", () => {
  const hostile = Buffer.from("\u001b[2J\u001b]0;title\u0007a\tb\r\nü\0\u007f\b");
  assert.equal(cleanForTerminal(hostile).toString(), "[2J]0;titlea\tb\nü");
});

test("a character that is cut in two by chunks is whole again behind it", () => {
  const bytes = Buffer.from("ü🎉");
  const cleaned = [...bytes].map((byte) => cleanForTerminal(Buffer.of(byte)));
  assert.equal(Buffer.concat(cleaned).toString(), "ü🎉");
});
