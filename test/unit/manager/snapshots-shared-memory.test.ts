import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SharedMemory } from "../../../src/manager/snapshots/shared-memory.ts";

/** A making under the test's control. */
function making(): { shared: SharedMemory; finish: () => void; fail: (error: Error) => void; givenUp: () => boolean } {
  const ready = Promise.withResolvers<void>();
  let signal: AbortSignal | undefined;
  const shared = new SharedMemory(async (givenUp) => {
    signal = givenUp;
    givenUp.addEventListener("abort", () => ready.reject(givenUp.reason as Error));
    return { path: "/memory", ready: ready.promise };
  });
  return { shared, finish: ready.resolve, fail: ready.reject, givenUp: () => signal?.aborted === true };
}

describe("a memory file that several starts wait for", () => {
  test("is made once, for all of them", async () => {
    const { shared, finish } = making();
    const all = await Promise.all([shared.join(undefined), shared.join(new AbortController().signal)]);
    finish();
    for (const { path, ready } of all) {
      assert.equal(path, "/memory");
      await ready;
    }
    await shared.ended;
  });

  test("goes on when one of them gives up, who hears of that alone", async () => {
    const { shared, finish, givenUp } = making();
    const giver = new AbortController();
    const first = await shared.join(giver.signal);
    const second = await shared.join(undefined);
    giver.abort(new Error("mine"));
    await assert.rejects(first.ready, /mine/);
    assert.deepEqual([givenUp(), shared.isGivenUp], [false, false]);
    finish();
    await second.ready;
  });

  test("is given up with the last of them, who waits until nothing is at work on it", async () => {
    const { shared, givenUp } = making();
    const givers = [new AbortController(), new AbortController()];
    const joined = await Promise.all(givers.map(({ signal }) => shared.join(signal)));
    for (const giver of givers) giver.abort(new Error("enough"));
    for (const { ready } of joined) await assert.rejects(ready, /enough/);
    assert.deepEqual([givenUp(), shared.isGivenUp], [true, true]);
    await shared.ended;
  });

  test("fails for all of them with its own reason", async () => {
    const { shared, fail } = making();
    const joined = await Promise.all([shared.join(undefined), shared.join(undefined)]);
    fail(new Error("no room"));
    for (const { ready } of joined) await assert.rejects(ready, /no room/);
    await shared.ended;
  });

  test("a signal that fires after the end changes nothing", async () => {
    const { shared, finish, givenUp } = making();
    const late = new AbortController();
    const { ready } = await shared.join(late.signal);
    finish();
    await ready;
    await shared.ended;
    late.abort(new Error("late"));
    assert.equal(givenUp(), false);
  });
});
