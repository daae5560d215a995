import assert from "node:assert/strict";
import { test } from "node:test";
import { deepFreeze } from "../../../src/config/deep-freeze.ts";

test("objects and arrays are frozen to the bottom, and the same one is returned", () => {
  const value = { a: { b: [{ c: 1 }] }, text: "x", nothing: null };
  assert.equal(deepFreeze(value), value);
  assert.ok(Object.isFrozen(value) && Object.isFrozen(value.a) && Object.isFrozen(value.a.b));
  assert.throws(() => {
    const inner = value.a.b[0] ?? { c: 0 };
    inner.c = 2;
  }, TypeError);
});
