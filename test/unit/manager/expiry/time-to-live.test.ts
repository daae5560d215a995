import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isExpired, lifetimeOf } from "../../../../src/manager/expiry/time-to-live.ts";
import type { VMRecord } from "../../../../src/state/vm-record.ts";

const record = (expiresAtMs: number | null): VMRecord => ({ id: "vm", expiresAtMs }) as VMRecord;

describe("the time that a VM has", () => {
  test("is up from its last millisecond on, and never where it has none", (t) => {
    t.mock.timers.enable({ apis: ["Date"], now: 1_000 });
    assert.equal(isExpired(record(1_001)), false);
    assert.equal(isExpired(record(1_000)), true);
    assert.equal(isExpired(record(null)), false);
  });

  test("is a bit longer for its guest, so that a host that is there comes first", (t) => {
    t.mock.timers.enable({ apis: ["Date"], now: 1_000 });
    assert.deepEqual(lifetimeOf(record(5_000)), { lifetimeMs: 4_100 });
    assert.deepEqual(lifetimeOf(record(900)), { lifetimeMs: 101 }, "0 would mean for ever");
  });

  test("is told to be endless where it is, to a guest that may have been told another", () => {
    assert.deepEqual(lifetimeOf(record(null)), { lifetimeMs: 0 });
  });
});
