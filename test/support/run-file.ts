import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { EVENT_MARK, type FileEvent, type Verdict } from "./file-event.ts";
import { emptyOutcome, executed, type Outcome } from "./outcome.ts";
import type { FileTier } from "./tiers.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..");
const REPORTER = join(import.meta.dirname, "event-reporter.ts");
/** A file in which no test has run for this long is held open by something it forgot, or never gets to its tests. */
const IDLE_MS = 60_000;
/** Ends a file whose hooks hang: tests have their own deadlines. */
const FILE_MS = 30 * 60_000;
/** Programs that a test left behind may hold its output open; no more is waited for than this. */
const DRAIN_MS = 2_000;
const OUTPUT_TAIL = 8_000;

/** Runs one test file in a process of its own. */
export async function runFile(name: string, tier: FileTier, grep: string | undefined): Promise<Outcome> {
  const run = new FileRun(name);
  const child = spawn(
    process.execPath,
    [
      `--test-timeout=${tier.testTimeoutMs}`,
      `--test-reporter=${REPORTER}`,
      ...(grep === undefined ? [] : [`--test-name-pattern=${grep}`]),
      name,
    ],
    { cwd: REPOSITORY, stdio: ["ignore", "pipe", "pipe"] },
  );
  const watchdog = new Watchdog(child);
  run.onProgress = (running) => watchdog.expect(running);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on(
      "data",
      lines((line) => run.take(line)),
    );
  }
  const closed = once(child, "close");
  const [exitCode] = (await once(child, "exit")) as [number | null];
  watchdog.stop();
  await Promise.race([closed, sleep(DRAIN_MS, undefined, { ref: false })]);
  child.stdout.destroy();
  child.stderr.destroy();
  return run.end({ exitCode, wasKilled: watchdog.hasKilled, isFiltered: grep !== undefined });
}

/** Kills a test file that does not end by itself. */
class Watchdog {
  hasKilled = false;
  readonly #child: ChildProcess;
  readonly #limit: NodeJS.Timeout;
  #idle: NodeJS.Timeout;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#limit = this.#arm(FILE_MS);
    this.#idle = this.#arm(IDLE_MS);
  }

  /** Told how many tests run now: while one does, its own deadline counts. */
  expect(running: number): void {
    clearTimeout(this.#idle);
    if (running === 0) this.#idle = this.#arm(IDLE_MS);
  }

  stop(): void {
    clearTimeout(this.#limit);
    clearTimeout(this.#idle);
  }

  #arm(milliseconds: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.hasKilled = true;
      this.#child.kill("SIGKILL");
    }, milliseconds);
  }
}

/** Gathers what a test file tells and prints. */
class FileRun {
  onProgress: (running: number) => void = () => undefined;
  readonly #name: string;
  readonly #outcome = emptyOutcome();
  readonly #names: string[] = [];
  #running = 0;
  #output = "";

  constructor(name: string) {
    this.#name = name;
  }

  take(line: string): void {
    // A test may have printed the beginning of a line.
    const at = line.indexOf(EVENT_MARK);
    const printed = at === -1 ? `${line}\n` : line.slice(0, at);
    this.#output = (this.#output + printed).slice(-OUTPUT_TAIL);
    if (at !== -1) this.#event(JSON.parse(line.slice(at + EVENT_MARK.length)) as FileEvent);
  }

  end(facts: { readonly exitCode: number | null; readonly wasKilled: boolean; readonly isFiltered: boolean }): Outcome {
    const outcome = this.#outcome;
    const fail = (details: string): void => void outcome.failures.push({ title: this.#name, details });
    const isEmpty = executed(outcome) + outcome.skips.length === 0;
    if (facts.wasKilled) fail("the file did not end: something it started still runs");
    else if (facts.exitCode !== 0 && outcome.failures.length === 0) fail(`the file ended with code ${facts.exitCode}`);
    else if (this.#running > 0 && outcome.failures.length === 0) fail("the file ended while tests were running");
    else if (isEmpty && !facts.isFiltered) fail("the file holds no test");
    const last = outcome.failures.pop();
    if (last !== undefined) {
      const printed = this.#output.trim() === "" ? "" : `\nthe file printed:\n${this.#output.trimEnd()}`;
      outcome.failures.push({ ...last, details: `${last.details}${printed}` });
    }
    return outcome;
  }

  #event(event: FileEvent): void {
    switch (event.type) {
      case "test:dequeue":
        this.onProgress((this.#running += 1));
        break;
      case "test:complete":
        this.onProgress((this.#running -= 1));
        break;
      case "test:start":
        this.#names[event.nesting] = event.name;
        break;
      case "test:pass":
      case "test:fail":
        this.#record(event, [this.#name, ...this.#names.slice(0, event.nesting), event.name].join(" › "));
        break;
    }
  }

  #record(verdict: Verdict, title: string): void {
    const outcome = this.#outcome;
    if (verdict.skip !== undefined) {
      outcome.skips.push({ title, reason: typeof verdict.skip === "string" ? verdict.skip : "no reason given" });
    } else if (verdict.todo !== undefined) {
      outcome.skips.push({ title, reason: `to do${typeof verdict.todo === "string" ? `: ${verdict.todo}` : ""}` });
    } else if (verdict.type === "test:fail") {
      if (!verdict.isOnlyOfSubtests) outcome.failures.push({ title, details: verdict.error });
    } else if (!verdict.isSuite) {
      outcome.passed += 1;
    }
  }
}

/** Cuts a stream of text into lines. */
function lines(onLine: (line: string) => void): (text: string) => void {
  let rest = "";
  return (text) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) onLine(part);
  };
}
