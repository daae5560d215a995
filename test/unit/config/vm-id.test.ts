import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkVmId, generateVmId, VM_ID_PATTERN } from "../../../src/config/vm-id.ts";

describe("vm ids", () => {
  test("10,000 generated ids are distinct, and all are valid", () => {
    const ids = Array.from({ length: 10_000 }, generateVmId);
    assert.equal(new Set(ids).size, ids.length);
    for (const id of ids) assert.match(id, /^sbx-[b-z2-9]{10}$/);
    for (const id of ids) assert.match(id, VM_ID_PATTERN);
  });

  test("every character of the alphabet appears at every random position", () => {
    const ids = Array.from({ length: 10_000 }, generateVmId);
    for (let position = 4; position < 14; position++) {
      assert.equal(new Set(ids.map((id) => id[position])).size, 27);
    }
  });

  for (const id of ["a", "0", "my-vm", "a_b-c", "a".repeat(63)]) {
    test(`${id} is one`, () => assert.equal(checkVmId(id), id));
  }

  for (const id of ["", "-a", "a-", "_a", "a/b", "../a", "Abc", "a b", "a.b", "é", "a\n", "a".repeat(64)]) {
    test(`${JSON.stringify(id)} is none`, () => {
      assert.throws(() => checkVmId(id), {
        name: "ValidationError",
        code: "INVALID_OPTION",
        details: { option: "vmId" },
      });
    });
  }

  for (const value of [5, null, {}, ["a"], true]) {
    test(`${JSON.stringify(value)} is none`, () => {
      assert.throws(() => checkVmId(value), { name: "ValidationError", message: /^vmId must match .*, got / });
    });
  }
});
