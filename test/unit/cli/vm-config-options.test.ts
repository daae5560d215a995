import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toVmConfig } from "../../../src/cli/vm-config-options.ts";

describe("the options of a VM's config", () => {
  test("take durations as users type them", () => {
    assert.deepEqual(toVmConfig({ idlePause: "1.5s", ttl: "2h" }), { idlePauseMs: 1_500, ttlMs: 7_200_000 });
  });

  test("leave out what was not given", () => assert.deepEqual(toVmConfig({}), {}));

  test("refuse a duration that is none", () => {
    assert.throws(() => toVmConfig({ ttl: "soon" }), { code: "INVALID_OPTION", message: /a duration must look like/ });
  });
});
