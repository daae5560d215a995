/** One step of a plan: both halves may run again after a crash without harm. */
export interface Step {
  readonly name: string;
  readonly run: () => void | Promise<void>;
  /** Takes back what `run` did, also when `run` got only half-way. */
  readonly undo: () => void | Promise<void>;
}

/**
 * Runs the steps in order. When one fails, it and those before it are undone in reverse order, to the end, whatever
 * fails on the way; what could not be undone is attached to the error as its `undoFailures`.
 */
export async function runPlan(steps: readonly Step[], signal?: AbortSignal): Promise<void> {
  const begun: Step[] = [];
  try {
    for (const step of steps) {
      signal?.throwIfAborted();
      begun.unshift(step);
      await step.run();
    }
  } catch (error) {
    const undoFailures: string[] = [];
    for (const step of begun) {
      try {
        await step.undo();
      } catch (undoError) {
        undoFailures.push(`${step.name}: ${(undoError as Error).message}`);
      }
    }
    if (undoFailures.length > 0 && error instanceof Error) Object.assign(error, { undoFailures });
    throw error;
  }
}
