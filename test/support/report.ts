import type { Outcome } from "./outcome.ts";

/** One line for a file or a tier that has ended. */
export function printProgress(name: string, outcome: Outcome, durationMs: number): void {
  const counts = [
    `${outcome.passed} passed`,
    ...(outcome.failures.length > 0 ? [`${outcome.failures.length} FAILED`] : []),
    ...(outcome.skips.length > 0 ? [`${outcome.skips.length} skipped`] : []),
  ];
  console.log(`  ${name.padEnd(52)} ${counts.join(", ")} (${(durationMs / 1_000).toFixed(1)} s)`);
  for (const failure of outcome.failures) {
    console.log(`    ✗ ${failure.title}`);
    console.log(failure.details.replaceAll(/^/gm, "        "));
  }
}

/** What was skipped and why, what failed, and the sum as the last line. */
export function printSummary(total: Outcome): void {
  if (total.skips.length > 0) {
    console.log("\nskipped:");
    for (const skip of total.skips) console.log(`  - ${skip.title}: ${skip.reason}`);
  }
  if (total.failures.length > 0) {
    console.log("\nfailed:");
    for (const failure of total.failures) console.log(`  ✗ ${failure.title}`);
  }
  console.log(`\n${total.passed} passed, ${total.failures.length} failed, ${total.skips.length} skipped`);
}
