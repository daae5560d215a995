/** What a step tells when it has ended well: what it did, or why there was nothing to do. */
export type StepOutcome = { readonly done: string } | { readonly skipped: string };

/** Progress of one step: a line to show while it runs. */
export type StepProgress = (line: string) => void;

const TITLE_WIDTH = 18;
const LINE_WIDTH = 100;
const LOG_INTERVAL_MS = 10_000;

/**
 * Runs one step of a set-up and prints what it did and how long it took.
 *
 * On a terminal the line changes while the step runs; elsewhere a line is printed every few seconds, so that a log stays
 * readable.
 */
export async function step(title: string, work: (progress: StepProgress) => Promise<StepOutcome>): Promise<void> {
  const started = performance.now();
  const live = process.stdout.isTTY;
  const head = `  ${title.padEnd(TITLE_WIDTH)} `;
  const print = (text: string): void => {
    process.stdout.write(live ? `\r\u001B[2K${head}${text}` : "");
  };
  let announced = -LOG_INTERVAL_MS;
  const progress: StepProgress = (line) => {
    const text = printable(line).slice(0, LINE_WIDTH);
    print(text);
    if (!live && performance.now() - announced >= LOG_INTERVAL_MS) {
      announced = performance.now();
      process.stdout.write(`${head}${text} …\n`);
    }
  };
  print("…");
  try {
    const outcome = await work(progress);
    const text =
      "done" in outcome ? `${outcome.done} (${formatDuration(performance.now() - started)})` : outcome.skipped;
    process.stdout.write(live ? `\r\u001B[2K${head}${text}\n` : `${head}${text}\n`);
  } catch (error) {
    process.stdout.write(live ? `\r\u001B[2K${head}failed\n` : `${head}failed\n`);
    throw error;
  }
}

/** `840 ms`, `2.5 s`, `1 min 12 s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1_000;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(Math.round(seconds) / 60)} min ${Math.round(seconds) % 60} s`;
}

/** Output of other programs may hold control characters; none of them may move the cursor. */
function printable(line: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return line.replaceAll(/[\u0000-\u001F\u007F]/g, " ").trim();
}
