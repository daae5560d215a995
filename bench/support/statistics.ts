/** The median, two tails and the extremes of some figures. */
export interface Summary {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly min: number;
  readonly max: number;
}

/** Sums figures up; percentiles are the nearest rank. */
export function summarize(figures: readonly number[]): Summary {
  const sorted = figures.toSorted((a, b) => a - b);
  const rank = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return { count: sorted.length, p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), min: rank(0), max: rank(1) };
}

/** One row of a table of milliseconds. */
export function printRow(name: string, { count, p50, p95, p99, min, max }: Summary): void {
  const cells = [p50, p95, p99, min, max].map((value) => value.toFixed(value < 100 ? 2 : 0).padStart(9));
  console.log(`${name.padEnd(34)}${String(count).padStart(6)}${cells.join("")}`);
}

/** The heading above rows. */
export function printHeading(title: string): void {
  console.log(`\n${title}`);
  const cells = ["p50", "p95", "p99", "min", "max"].map((cell) => cell.padStart(9));
  console.log(`${"".padEnd(34)}${"n".padStart(6)}${cells.join("")}   (ms)`);
}
