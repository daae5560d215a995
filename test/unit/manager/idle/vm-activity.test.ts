import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { activityOf, isInterrupted } from "../../../../src/manager/idle/vm-activity.ts";
import { identifySelf } from "../../../../src/process/process-identity.ts";
import type { VMRecord } from "../../../../src/state/vm-record.ts";

const alive = identifySelf();
const dead = { ...alive, birth: "00000000:1" };

function record(part: Partial<VMRecord>): VMRecord {
  return {
    id: "vm",
    status: "running",
    pausedBy: null,
    vmm: alive,
    operation: null,
    operator: null,
    ...part,
  } as VMRecord;
}

describe("what a VM does, to its watch", () => {
  const cases: readonly (readonly [title: string, part: Partial<VMRecord>, activity: string])[] = [
    ["runs", {}, "running"],
    ["sleeps, paused because it was idle", { status: "paused", pausedBy: "idle" }, "asleep"],
    ["rests, paused by its user", { status: "paused", pausedBy: "user" }, "resting"],
    ["sleeps as soon as it is about to be paused", { operation: "idle-pause", operator: alive }, "asleep"],
    ["sleeps when whoever paused it died", { operation: "idle-pause", operator: dead }, "asleep"],
    [
      "sleeps while it is being woken",
      { status: "paused", pausedBy: "idle", operation: "resume", operator: alive },
      "asleep",
    ],
    ["changes while another operation is at work", { operation: "snapshot", operator: alive }, "changing"],
    ["runs when whoever worked on it died", { operation: "resume", operator: dead }, "running"],
    ["rests when it is stopped", { status: "stopped", vmm: null }, "resting"],
    ["rests when its VMM is gone", { vmm: dead }, "resting"],
    ["rests when its VMM is gone while it slept", { status: "paused", pausedBy: "idle", vmm: dead }, "resting"],
  ];
  for (const [title, part, activity] of cases) test(title, () => assert.equal(activityOf(record(part)), activity));

  test("rests when there is none", () => assert.equal(activityOf(undefined), "resting"));

  test("is interrupted when whoever worked on it died, and then alone", () => {
    assert.equal(isInterrupted(record({})), false);
    assert.equal(isInterrupted(record({ operation: "pause", operator: alive })), false);
    assert.equal(isInterrupted(record({ operation: "pause", operator: dead })), true);
  });
});
