import { glob } from "node:fs/promises";
import { join } from "node:path";
import { addOutcome, emptyOutcome, executed, type Outcome } from "./outcome.ts";
import { runFile } from "./run-file.ts";
import type { FileTier } from "./tiers.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..");

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
      const outcome = await runFile(file, tier, grep);
      addOutcome(total, outcome);
      if (executed(outcome) + outcome.skips.length > 0) onFile(file, outcome, performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: tier.filesAtOnce }, work));
  return total;
}
