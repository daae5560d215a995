/** One test that failed, with what a person needs to see. */
export interface Failure {
  readonly title: string;
  readonly details: string;
}

/** One test, or one whole tier, that was not run. */
export interface Skip {
  readonly title: string;
  readonly reason: string;
}

/** What a tier, or one file of it, came to. */
export interface Outcome {
  passed: number;
  readonly failures: Failure[];
  readonly skips: Skip[];
}

/** An outcome in which nothing has run yet. */
export function emptyOutcome(): Outcome {
  return { passed: 0, failures: [], skips: [] };
}

/** Adds `part` to `total`. */
export function addOutcome(total: Outcome, part: Outcome): void {
  total.passed += part.passed;
  total.failures.push(...part.failures);
  total.skips.push(...part.skips);
}

/** How many tests ran. */
export function executed(outcome: Outcome): number {
  return outcome.passed + outcome.failures.length;
}
