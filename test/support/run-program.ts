import { spawn } from "node:child_process";
import { join } from "node:path";
import { emptyOutcome, executed, type Outcome } from "./outcome.ts";
import type { ProgramTier } from "./tiers.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..");
const OUTPUT_TAIL = 8_000;
/** `ok - title`, `not ok - title`, and TAP's `ok - title # SKIP reason`; numbers after `ok` are allowed. */
const RESULT = /^(not )?ok\b(?: \d+)?(?: - )?(.*?)(?: # SKIP\b ?(.*))?$/;

/** Runs a tier that is another program. */
export async function runProgram(tier: ProgramTier): Promise<Outcome> {
  const outcome = emptyOutcome();
  const { exitCode, output } = await execute(tier.argv);
  const tail = output.slice(-OUTPUT_TAIL).trimEnd();
  if (tier.title !== undefined) {
    if (exitCode === 0) outcome.passed = 1;
    else outcome.failures.push({ title: tier.title, details: tail });
    return outcome;
  }
  for (const line of output.split("\n")) {
    const match = RESULT.exec(line);
    if (match === null) continue;
    const title = `${tier.subject} › ${match[2]?.trim() ?? ""}`;
    if (match[3] !== undefined) outcome.skips.push({ title, reason: match[3] || "no reason given" });
    else if (match[1] === undefined) outcome.passed += 1;
    else outcome.failures.push({ title, details: tail });
  }
  if (exitCode !== 0 && outcome.failures.length === 0) {
    outcome.failures.push({ title: tier.argv.join(" "), details: `exit code ${exitCode}\n${tail}` });
  } else if (executed(outcome) === 0) {
    outcome.failures.push({ title: tier.argv.join(" "), details: `no test ran\n${tail}` });
  }
  return outcome;
}

async function execute([program, ...args]: ProgramTier["argv"]): Promise<{ exitCode: number; output: string }> {
  const child = spawn(program, args, { cwd: REPOSITORY, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ exitCode: code ?? 1, output }));
  });
}
