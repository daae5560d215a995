import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runPlan, type Step } from "../../../src/manager/plan.ts";

/** Three steps that note what is done; those named in `failing` fail. */
function steps(log: string[], failing: readonly string[] = []): Step[] {
  const act = (what: string): void => {
    log.push(what);
    if (failing.includes(what)) throw new Error(`${what} failed`);
  };
  return ["a", "b", "c"].map((name) => ({
    name,
    run: () => act(`run ${name}`),
    undo: async () => act(`undo ${name}`),
  }));
}

describe("a plan", () => {
  test("runs its steps in order, and undoes nothing when all succeed", async () => {
    const log: string[] = [];
    await runPlan(steps(log));
    assert.deepEqual(log, ["run a", "run b", "run c"]);
  });

  test("undoes the step that failed and those before it, the latest first", async () => {
    const log: string[] = [];
    await assert.rejects(runPlan(steps(log, ["run b"])), { message: "run b failed" });
    assert.deepEqual(log, ["run a", "run b", "undo b", "undo a"]);
  });

  test("undoes to the end whatever fails on the way, and says what is left", async () => {
    const log: string[] = [];
    await assert.rejects(runPlan(steps(log, ["run c", "undo c", "undo b"])), {
      message: "run c failed",
      undoFailures: ["c: undo c failed", "b: undo b failed"],
    });
    assert.deepEqual(log.slice(3), ["undo c", "undo b", "undo a"]);
  });

  test("stops between steps when its signal fires, and undoes what was done", async () => {
    const log: string[] = [];
    const controller = new AbortController();
    const reason = new Error("enough");
    const [first, ...rest] = steps(log);
    assert.ok(first);
    const aborting = { ...first, run: () => controller.abort(reason) };
    await assert.rejects(runPlan([aborting, ...rest], controller.signal), reason);
    assert.deepEqual(log, ["undo a"]);
  });
});
