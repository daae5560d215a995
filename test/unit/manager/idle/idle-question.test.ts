import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { GuestActivity } from "../../../../src/guest/identity/guest-activity.ts";
import { idleTimes, lookAtGuest } from "../../../../src/manager/idle/idle-question.ts";

const times = idleTimes(200);
const goesOn = new AbortController().signal;

/** Gives the answers one after the other, and counts the questions. */
function guest(...answers: readonly (GuestActivity | undefined)[]): {
  readonly ask: () => Promise<GuestActivity | undefined>;
  asked: number;
} {
  const asked = {
    asked: 0,
    ask: async () => answers[asked.asked++],
  };
  return asked;
}

describe("a look at a guest", () => {
  test("takes half of the time that the guest must be idle, or less where somebody waits", () => {
    assert.deepEqual(idleTimes(30_000), { firstMs: 15_000, windowMs: 15_000, slackMs: 50 });
    assert.deepEqual(idleTimes(30_000, 500), { firstMs: 29_500, windowMs: 500, slackMs: 50 });
    assert.deepEqual(idleTimes(100), { firstMs: 50, windowMs: 50, slackMs: 25 });
  });

  test("finds one idle that nobody used and that did next to nothing", async () => {
    const { ask } = guest({ idleMs: 100, busyUs: 5_000_000 }, { idleMs: 200, busyUs: 5_020_000 });
    assert.equal(await lookAtGuest(ask, times, goesOn), 0);
  });

  test("finds one busy that computed, and comes again", async () => {
    const { ask } = guest({ idleMs: 100, busyUs: 0 }, { idleMs: 200, busyUs: 30_000 });
    assert.equal(await lookAtGuest(ask, times, goesOn), 100);
  });

  test("ends at once where others have used the guest, and says when it will be worth to come again", async () => {
    const asked = guest({ idleMs: 30, busyUs: 0 });
    assert.equal(await lookAtGuest(asked.ask, times, goesOn), 70);
    assert.equal(asked.asked, 1);
  });

  test("sees a call that came in between, also one that is still open", async () => {
    const ended = guest({ idleMs: 100, busyUs: 0 }, { idleMs: 20, busyUs: 0 });
    assert.equal(await lookAtGuest(ended.ask, times, goesOn), 80);
    const open = guest({ idleMs: 100, busyUs: 0 }, { idleMs: 0, busyUs: 0 });
    assert.equal(await lookAtGuest(open.ask, times, goesOn), 100);
  });

  test("finds nothing out about a guest that cannot be asked", async () => {
    assert.equal(await lookAtGuest(guest(undefined).ask, times, goesOn), 100);
    assert.equal(await lookAtGuest(guest({ idleMs: 100, busyUs: 0 }, undefined).ask, times, goesOn), 100);
  });

  test("can be given up", async () => {
    const given = new AbortController();
    const look = lookAtGuest(guest({ idleMs: 90_000, busyUs: 0 }).ask, idleTimes(100_000), given.signal);
    given.abort();
    await assert.rejects(look, { name: "AbortError" });
  });
});
