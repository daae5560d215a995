import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { inParallel, perWorker } from "../../../src/snapshots/memory/in-parallel.ts";

const items = Array.from({ length: 50 }, (_, index) => index);

test("every item is worked on once, several at a time, each worker with its own things", async () => {
  const done: number[] = [];
  const busy = new Set<object>();
  let most = 0;
  const thing = perWorker(() => ({}));
  await inParallel(items, async (item, worker) => {
    assert.ok(!busy.has(thing(worker)));
    busy.add(thing(worker));
    most = Math.max(most, busy.size);
    await setImmediate();
    busy.delete(thing(worker));
    done.push(item);
  });
  assert.deepEqual(
    done.toSorted((a, b) => a - b),
    items,
  );
  assert.ok(most > 1, `${most} at a time`);
});

test("after a failure nothing is begun, and what had begun is waited for", async () => {
  let begun = 0;
  let ended = 0;
  const work = async (item: number): Promise<void> => {
    begun += 1;
    if (item === 10) throw new Error("item 10");
    for (let turn = 0; turn < 5; turn++) await setImmediate();
    ended += 1;
  };
  await assert.rejects(inParallel(items, work), { message: "item 10" });
  assert.equal(ended, begun - 1);
  assert.ok(begun < 20, `${begun} were begun`);
});

test("a signal ends the work with its reason", async () => {
  const controller = new AbortController();
  let begun = 0;
  const work = async (item: number): Promise<void> => {
    begun += 1;
    if (item === 10) controller.abort(new Error("enough"));
    await setImmediate();
  };
  await assert.rejects(inParallel(items, work, controller.signal), { message: "enough" });
  assert.ok(begun < 20, `${begun} were begun`);
});
