/** The milliseconds that the work takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** Measures several ways `count` times each, in turns, so that all see the same machine when its speed drifts; skips what is undefined. */
export async function inTurns<Way extends string>(
  count: number,
  ways: Readonly<Record<Way, (() => Promise<number>) | undefined>>,
): Promise<Partial<Record<Way, number[]>>> {
  const figures: Partial<Record<Way, number[]>> = {};
  for (let round = 0; round < count; round++) {
    for (const [way, measure] of Object.entries(ways) as [Way, (() => Promise<number>) | undefined][]) {
      if (measure !== undefined) (figures[way] ??= []).push(await measure());
    }
  }
  return figures;
}
