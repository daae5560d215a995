import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { REPOSITORY } from "./repository.ts";
import { runTool } from "./run-tool.ts";

/** Where the generated reference is kept. */
export const REFERENCE: string = join(REPOSITORY, "docs", "reference");

const GENERATOR = join(REPOSITORY, "scripts", "reference");

/** Makes the reference from the TSDoc of the public exports, in a folder that it replaces. */
export async function generateReference(folder: string): Promise<void> {
  await installGenerator();
  await run(
    join(GENERATOR, "node_modules", ".bin", "typedoc"),
    ...["--options", join(GENERATOR, "typedoc.json"), "--tsconfig", join(GENERATOR, "tsconfig.json")],
    ...["--entryPoints", join(REPOSITORY, "src", "index.ts"), "--out", folder],
  );
}

/** A package of its own, since it needs an older TypeScript than the project; installed again when its lock changes. */
async function installGenerator(): Promise<void> {
  const lock = await readFile(join(GENERATOR, "package-lock.json"), "utf8");
  const stamp = join(GENERATOR, "node_modules", ".installed-from");
  if (existsSync(stamp) && (await readFile(stamp, "utf8")) === lock) return;
  await run("npm", "ci", "--prefix", GENERATOR, "--no-audit", "--no-fund", "--loglevel=error");
  await writeFile(stamp, lock);
}

async function run(...argv: string[]): Promise<void> {
  const result = await runTool(argv);
  if (!result.ok) throw new Error(`${argv[0]} failed:\n${result.output}`);
}
