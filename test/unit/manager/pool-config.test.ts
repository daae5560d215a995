import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parsePoolOptions, vmConfigOf } from "../../../src/manager/pool/pool-config.ts";

describe("the options of a pool", () => {
  test("have defaults, which make the same pool as the same things said", () => {
    const pool = parsePoolOptions({ size: 2 });
    assert.deepEqual(vmConfigOf(pool), { image: "debian", vcpuCount: 1, memoryMiB: 512, network: "user" });
    const said = { image: "debian", vcpuCount: 1, memoryMiB: 512, network: "auto" } as const;
    assert.equal(parsePoolOptions({ size: 3, ...said }).key, pool.key);
    assert.notEqual(parsePoolOptions({ size: 2, network: "none" }).key, pool.key);
    assert.notEqual(parsePoolOptions({ size: 2, diskMiB: 4096 }).key, pool.key);
  });

  for (const [what, options] of Object.entries({
    "a negative size": { size: -1 },
    "a size that is not whole": { size: 1.5 },
    "a huge size": { size: 1_001 },
    "a size that is no number": { size: "4" },
    "no size": {},
    "an option that a pool has not": { size: 1, env: {} },
    "memory that no VM has": { size: 1, memoryMiB: 1 },
    "nothing at all": null,
  })) {
    test(`are refused: ${what}`, () => {
      assert.throws(() => parsePoolOptions(options as never), { name: "ValidationError", code: "INVALID_OPTION" });
    });
  }
});
