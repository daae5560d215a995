import assert from "node:assert/strict";
import { test } from "node:test";
import { PAGE_BYTES, WINDOW_PAGES } from "../../../src/snapshots/memory/page.ts";
import { overlay, type PageRun, RunCursor, windowsOf } from "../../../src/snapshots/memory/page-run.ts";
import { seededRandom } from "../guest/seeded-random.ts";

const PAGES = 2_000;

/** What each page is, one by one: the plain way to say what runs say. */
function spelledOut(runs: readonly PageRun<string>[]): Map<number, string> {
  const pages = new Map<number, string>();
  let end = 0;
  for (const { page, count, kind, source, offset } of runs) {
    assert.ok(page >= end && count > 0, "runs are in ascending order and not empty");
    end = page + count;
    for (let at = 0; at < count; at++) pages.set(page + at, `${kind} ${source} ${offset + at * PAGE_BYTES}`);
  }
  return pages;
}

function randomRuns(random: (below: number) => number, source: string, longest: number): PageRun<string>[] {
  const runs: PageRun<string>[] = [];
  for (let page = random(longest); page < PAGES; page += random(longest)) {
    const count = Math.min(1 + random(longest), PAGES - page);
    runs.push({
      page,
      count,
      kind: (["data", "zero", "base"] as const)[random(3)] ?? "data",
      source,
      offset: random(99),
    });
    page += count;
  }
  return runs;
}

test("laying runs over others hides what is below, and nothing else", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seededRandom(seed);
    const lower = randomRuns(random, "lower", 1 + random(200));
    const upper = randomRuns(random, "upper", 1 + random(200));
    const expected = new Map([...spelledOut(lower), ...spelledOut(upper)]);
    assert.deepEqual(
      spelledOut(overlay(lower, upper)),
      new Map([...expected].toSorted(([a], [b]) => a - b)),
      `${seed}`,
    );
  }
});

test("windows hold all runs, each in the window that its pages belong to", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = seededRandom(seed);
    const runs = randomRuns(random, "some", 1 + random(1_000));
    const windows = [...windowsOf(runs)];
    assert.deepEqual(spelledOut(windows.flatMap((window) => window.runs)), spelledOut(runs), `${seed}`);
    for (const { page, count, runs: inside } of windows) {
      assert.deepEqual([page % WINDOW_PAGES, count], [0, WINDOW_PAGES]);
      for (const run of inside) assert.ok(run.page >= page && run.page + run.count <= page + count);
    }
    assert.equal(new Set(windows.map(({ page }) => page)).size, windows.length);
  }
});

test("a cursor finds the parts of runs in one range after the other", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = seededRandom(seed);
    const runs = randomRuns(random, "some", 1 + random(100));
    const cursor = new RunCursor(runs);
    const all = spelledOut(runs);
    for (let page = 0; page < PAGES;) {
      const count = 1 + random(60);
      const expected = [...all].filter(([at]) => at >= page && at < page + count);
      assert.deepEqual(spelledOut(cursor.within({ page, count })), new Map(expected), `${seed}`);
      page += count + random(30);
    }
  }
});
