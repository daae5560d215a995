import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { endLeftProcesses, findLeaks, takeInventory } from "./support/leaks.ts";
import { addOutcome, emptyOutcome, executed, type Outcome } from "./support/outcome.ts";
import { printProgress, printSummary } from "./support/report.ts";
import { runFiles } from "./support/run-files.ts";
import { runProgram } from "./support/run-program.ts";
import { TIERS, type Tier } from "./support/tiers.ts";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { grep: { type: "string" } } });
const names = TIERS.map((tier) => tier.name);
const unknown = positionals.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`unknown tier ${unknown.join(", ")}; usage: node test/run.ts [${names.join(" | ")}]… [--grep PATTERN]`);
  process.exit(64);
}
const wanted = TIERS.filter((tier) => positionals.length === 0 || positionals.includes(tier.name));
// A pattern chooses tests of Node's runner; other programs know nothing of it.
const tiers = values.grep === undefined ? wanted : wanted.filter((tier) => tier.kind === "files");

// All temporary files of all tests lie in one folder, so that what is left there is a leak.
const folder = mkdtempSync(join(tmpdir(), "smolvm-test-"));
process.env["TMPDIR"] = folder;
// What works in the background outlives the test that it is for: tests of it turn it on, and wait for it.
process.env["SMOLVM_BACKGROUND"] = "off";
// Node's cache of compiled code would otherwise look like a leak.
process.env["NODE_DISABLE_COMPILE_CACHE"] = "1";
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    void endLeftProcesses(folder).finally(() => {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
      process.exit(130);
    });
  });
}

const before = await takeInventory();
const total = emptyOutcome();
for (const tier of tiers) addOutcome(total, await runTier(tier));
if (values.grep !== undefined && executed(total) + total.skips.length === 0) {
  total.failures.push({ title: `--grep ${values.grep}`, details: "no test has such a name" });
}
addOutcome(total, await checkLeaks());
await endLeftProcesses(folder);
rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
printSummary(total);
process.exit(total.failures.length === 0 ? 0 : 1);

async function runTier(tier: Tier): Promise<Outcome> {
  const outcome = emptyOutcome();
  const reason = missing(tier);
  if (reason !== undefined) {
    console.log(`${tier.name}: skipped, ${reason}`);
    outcome.skips.push({ title: `tier ${tier.name}`, reason });
    return outcome;
  }
  console.log(tier.name);
  const started = performance.now();
  if (tier.kind === "program") {
    addOutcome(outcome, await runProgram(tier));
    printProgress(`${tier.subject}: ${tier.name}`, outcome, performance.now() - started);
  } else {
    addOutcome(outcome, await runFiles(tier, values.grep, printProgress));
  }
  if (values.grep === undefined && executed(outcome) === 0) {
    outcome.failures.push({ title: `tier ${tier.name}`, details: "no test ran" });
  }
  return outcome;
}

function missing(tier: Tier): string | undefined {
  if (tier.kind === "files" && !existsSync(join(import.meta.dirname, "..", tier.folder))) {
    return `there is no ${tier.folder}`;
  }
  return tier.missing();
}

async function checkLeaks(): Promise<Outcome> {
  const started = performance.now();
  const outcome = emptyOutcome();
  const leaks = (await findLeaks(folder, before)).filter(
    // Node runs the `before` hooks of a file whose tests are all filtered out, but not its `after` hooks.
    (leak) => values.grep === undefined || !leak.startsWith("file "),
  );
  if (leaks.length === 0) outcome.passed = 1;
  else outcome.failures.push({ title: "the tests leave nothing behind", details: leaks.join("\n") });
  printProgress("the tests leave nothing behind", outcome, performance.now() - started);
  return outcome;
}
