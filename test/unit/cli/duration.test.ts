import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseDuration } from "../../../src/cli/duration.ts";

describe("a duration", () => {
  for (const [text, durationMs] of [
    ["500ms", 500],
    ["2s", 2_000],
    ["2", 2_000],
    ["1.5m", 90_000],
    ["1h", 3_600_000],
    ["0.5", 500],
  ] as const) {
    test(`of ${text} is ${durationMs} ms`, () => assert.equal(parseDuration(text), durationMs));
  }

  for (const text of ["", "0", "0s", "-1s", "soon", "1 s", "1d", "1e3", "s", "1.s", "99999h", "Infinity", "1sm"]) {
    test(`is not ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseDuration(text), {
        name: "ValidationError",
        code: "INVALID_OPTION",
        message: /500ms, 2s, 1.5m or 1h/,
      });
    });
  }
});
