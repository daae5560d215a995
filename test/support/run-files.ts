import { glob } from "node:fs/promises";
import { join, relative } from "node:path";
import { run } from "node:test";
import type { EventData } from "node:test";
import { inspect } from "node:util";
import { addOutcome, emptyOutcome, executed, type Outcome } from "./outcome.ts";
import type { FileTier } from "./tiers.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..");
/** A file in which no test has run for this long is held open by something it forgot, or never gets to its tests. */
const IDLE_MS = 60_000;
/** Ends a file whose hooks hang: tests have their own deadlines. */
const FILE_MS = 30 * 60_000;
const OUTPUT_TAIL = 8_000;

/** Runs the files of a tier; `onFile` is told of each one that has ended. */
export async function runFiles(
  tier: FileTier,
  grep: string | undefined,
  onFile: (file: string, outcome: Outcome, durationMs: number) => void,
): Promise<Outcome> {
  const queue = (await Array.fromAsync(glob(`${tier.folder}/**/*.test.ts`, { cwd: REPOSITORY }))).toSorted();
  const total = emptyOutcome();
  const work = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const started = performance.now();
      const outcome = await runFile(join(REPOSITORY, file), tier, grep);
      addOutcome(total, outcome);
      if (executed(outcome) + outcome.skips.length > 0) onFile(file, outcome, performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: tier.filesAtOnce }, work));
  return total;
}

async function runFile(path: string, tier: FileTier, grep: string | undefined): Promise<Outcome> {
  const outcome = emptyOutcome();
  const name = relative(REPOSITORY, path);
  const watchdog = new AbortController();
  const limit = setTimeout(() => watchdog.abort(), FILE_MS);
  let idle = setTimeout(() => watchdog.abort(), IDLE_MS);
  let running = 0;
  const stream = run({
    files: [path],
    cwd: REPOSITORY,
    execArgv: [`--test-timeout=${tier.testTimeoutMs}`],
    signal: watchdog.signal,
    ...(grep === undefined ? {} : { testNamePatterns: [grep] }),
  });
  let output = "";
  let isEmpty = false;
  const names: string[] = [];
  try {
    for await (const { type, data } of stream) {
      if ((type === "test:dequeue" || type === "test:complete") && data.name !== path) {
        running += type === "test:dequeue" ? 1 : -1;
        clearTimeout(idle);
        if (running === 0) idle = setTimeout(() => watchdog.abort(), IDLE_MS);
      }
      if (type === "test:stdout" || type === "test:stderr") output = (output + data.message).slice(-OUTPUT_TAIL);
      if (type === "test:start") names[data.nesting] = data.name;
      if (type !== "test:pass" && type !== "test:fail") continue;
      // The runner reports a file as a test where it holds none, or broke before the first.
      const isFile = data.nesting === 0 && data.name === path;
      if (isFile && type === "test:pass") isEmpty = true;
      else if (!watchdog.signal.aborted) {
        const title = [name, ...(isFile ? [] : [...names.slice(0, data.nesting), data.name])].join(" › ");
        record(outcome, type === "test:pass", data, title);
      }
    }
  } finally {
    clearTimeout(idle);
    clearTimeout(limit);
  }
  if (watchdog.signal.aborted) {
    outcome.failures.push({ title: name, details: "the file did not end: something it started still runs" });
  } else if (isEmpty && grep === undefined && executed(outcome) + outcome.skips.length === 0) {
    outcome.failures.push({ title: name, details: "the file holds no test" });
  }
  const last = outcome.failures.pop();
  if (last !== undefined) {
    const printed = output.trim() === "" ? "" : `\nthe file printed:\n${output.trimEnd()}`;
    outcome.failures.push({ ...last, details: `${last.details}${printed}` });
  }
  return outcome;
}

function record(outcome: Outcome, ok: boolean, data: EventData.TestPass | EventData.TestFail, title: string): void {
  if (data.skip !== undefined) {
    outcome.skips.push({ title, reason: data.skip === true ? "no reason given" : String(data.skip) });
  } else if (data.todo !== undefined) {
    outcome.skips.push({ title, reason: `to do${data.todo === true ? "" : `: ${data.todo}`}` });
  } else if (ok) {
    if (data.details.type !== "suite") outcome.passed += 1;
  } else if ("error" in data.details) {
    const { error } = data.details;
    // Its subtests were reported already.
    if ("failureType" in error && error.failureType === "subtestsFailed") return;
    outcome.failures.push({ title, details: `${describe(error)}\n${data.file ?? ""}:${data.line ?? ""}` });
  }
}

function describe(error: Error): string {
  return error.cause === undefined ? error.message : inspect(error.cause, { depth: 4 });
}
