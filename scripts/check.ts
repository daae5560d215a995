import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "./support/build.ts";
import { runTool, type ToolResult } from "./support/run-tool.ts";
import { formatDuration } from "./support/steps.ts";

interface Check {
  readonly name: string;
  readonly what: string;
  readonly run: () => Promise<ToolResult>;
}

const tool =
  (...argv: string[]): (() => Promise<ToolResult>) =>
  () =>
    runTool(argv);

/** Everything that must hold before a change is shared. The import directions are a part of `lint`. */
const CHECKS: readonly Check[] = [
  { name: "types", what: "tsc over src, test, scripts, bench", run: tool("tsc", "-p", "tsconfig.json") },
  { name: "lint", what: "oxlint: promises, exhaustive switches, import directions", run: tool("oxlint") },
  { name: "unit", what: "test/unit", run: tool("node", "test/run.ts", "unit") },
  { name: "package", what: "publint and attw: the package as others install it", run: packageShape },
  { name: "examples", what: "code in README, docs and TSDoc compiles", run: tool("node", "scripts/check/examples.ts") },
  {
    name: "reference",
    what: "docs/reference says what TSDoc does",
    run: tool("node", "scripts/reference.ts", "--check"),
  },
  { name: "unused", what: "knip: exports and dependencies that nothing uses", run: tool("knip", "--no-progress") },
  { name: "format", what: "oxfmt", run: tool("oxfmt", "--check") },
];
const AT_ONCE = 2;

const wanted = process.argv.slice(2);
const checks = wanted.length === 0 ? [...CHECKS] : CHECKS.filter((check) => wanted.includes(check.name));
if (checks.length < wanted.length) {
  console.error(`the checks are: ${CHECKS.map((check) => check.name).join(" ")}`);
  process.exit(64);
}

const started = performance.now();
const failed: string[] = [];
const queue = [...checks];
await Promise.all(Array.from({ length: AT_ONCE }, work));
console.log(
  failed.length === 0
    ? `all checks passed (${formatDuration(performance.now() - started)})`
    : `failed: ${failed.join(", ")} (${formatDuration(performance.now() - started)})`,
);
process.exitCode = failed.length === 0 ? 0 : 1;

async function work(): Promise<void> {
  for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
    const begun = performance.now();
    const result = await check.run();
    const time = formatDuration(performance.now() - begun);
    console.log(`${result.ok ? "ok    " : "not ok"} ${check.name.padEnd(9)} ${check.what} (${time})`);
    if (result.ok) continue;
    failed.push(check.name);
    console.log(result.output.trimEnd().replaceAll(/^/gm, "    "));
  }
}

async function packageShape(): Promise<ToolResult> {
  try {
    await build();
  } catch (error) {
    return { ok: false, output: String(error) };
  }
  const folder = await mkdtemp(join(tmpdir(), "smolvm-pack-"));
  try {
    const packed = await runTool(["npm", "pack", "--ignore-scripts", "--loglevel=error", "--pack-destination", folder]);
    if (!packed.ok) return packed;
    const [file = ""] = await readdir(folder);
    const archive = join(folder, file);
    const results = await Promise.all([
      runTool(["publint", archive, "--strict"]),
      runTool(["attw", archive, "--profile", "esm-only", "--format", "ascii", "--no-emoji"]),
    ]);
    return { ok: results.every((result) => result.ok), output: results.map((result) => result.output).join("\n") };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
