import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateReference, REFERENCE } from "./support/reference.ts";
import { runTool } from "./support/run-tool.ts";

/** Writes docs/reference; with `--check`, says instead whether it is what the sources' TSDoc makes. */
if (process.argv.includes("--check")) await check();
else await generateReference(REFERENCE);

async function check(): Promise<void> {
  const fresh = await mkdtemp(join(tmpdir(), "smolvm-reference-"));
  try {
    await generateReference(fresh);
    const difference = await runTool(["diff", "-ru", REFERENCE, fresh]);
    if (difference.ok) return;
    console.error(`docs/reference is out of date: run \`npm run reference\`.\n${difference.output.slice(0, 4_000)}`);
    process.exitCode = 1;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
