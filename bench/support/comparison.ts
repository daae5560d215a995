import { summarize } from "./statistics.ts";

/** The figures of one row, in milliseconds; a way that was not measured is left out. */
export interface Comparison {
  readonly name: string;
  readonly ours?: readonly number[] | undefined;
  /** The bare channel. */
  readonly floor?: readonly number[] | undefined;
  /** Each way by ssh, by its name; the row shows the fastest. */
  readonly ssh?: Readonly<Record<string, readonly number[] | undefined>>;
  /** What one time moves: shown per second. */
  readonly amount?: { readonly count: number; readonly unit: "MB" | "files" };
}

/** The heading above comparisons. */
export function printComparisonHeading(title: string): void {
  const cells = ["n", "p50", "p99", "floor", "ssh", "/floor", "/ssh"].map((cell) => cell.padStart(9));
  console.log(`\n${title}\n${"".padEnd(34)}${cells.join("")}   (ms)`);
}

/** One row: our times, those of the floor and of ssh, and our median's ratio to theirs. Below 1 is ahead. */
export function printComparison({ name, ours = [], floor, ssh = {}, amount }: Comparison): void {
  const { count, p50, p99 } = summarize(ours);
  const floorMs = floor === undefined ? undefined : summarize(floor).p50;
  const ways = Object.entries(ssh).flatMap(([way, times]) => (times ? [{ way, ms: summarize(times).p50 }] : []));
  const fastest = ways.toSorted((a, b) => a.ms - b.ms)[0];
  const cells = [
    String(count),
    milliseconds(p50),
    milliseconds(p99),
    milliseconds(floorMs),
    milliseconds(fastest?.ms),
    ratio(p50, floorMs),
    ratio(p50, fastest?.ms),
  ].map((cell) => cell.padStart(9));
  const notes = [
    ...(amount === undefined ? [] : [`${speed(amount, p50)}; ssh ${speed(amount, fastest?.ms)}`]),
    ...ways.map(({ way, ms }) => `${way} ${milliseconds(ms)}`),
  ];
  console.log(`${name.padEnd(34)}${cells.join("")}   ${notes.join(", ")}`);
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? "-" : value.toFixed(value < 100 ? 2 : 0);
}

function ratio(value: number, by: number | undefined): string {
  return by === undefined ? "-" : (value / by).toFixed(2);
}

function speed({ count, unit }: NonNullable<Comparison["amount"]>, ms: number | undefined): string {
  return ms === undefined ? "-" : `${((count / ms) * 1_000).toFixed(count / ms < 0.01 ? 2 : 1)} ${unit}/s`;
}
