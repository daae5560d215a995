import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { REPOSITORY } from "./repository.ts";
import { runTool } from "./run-tool.ts";
import type { StepOutcome } from "./steps.ts";

const DIST = join(REPOSITORY, "dist");

/** What makes the build another one, besides the sources. */
const CONFIGURATION = ["package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json", "scripts/support"];

/** Builds `dist/` of `src/`, programs and declarations, unless it is newer than all that it is built from. */
export async function build(): Promise<StepOutcome> {
  if (await isFresh()) return { skipped: "up to date" };
  const started = Date.now();
  // Loaded only where there is something to bundle.
  const { bundle } = await import("./bundle.ts");
  const [declarations] = await Promise.all([runTool(["tsc", "-p", "tsconfig.build.json"]), bundle(DIST)]);
  if (!declarations.ok) throw new Error(`the sources do not compile:\n${declarations.output}`);
  // A file whose source is gone would stay; deleting all of dist first would break programs that run from it now.
  for (const path of await files(DIST)) {
    if ((await stat(path)).mtimeMs < started - 1_000) await rm(path);
  }
  return { done: "built dist of src" };
}

async function isFresh(): Promise<boolean> {
  const built = await Promise.all([
    mtime(join(DIST, "index.js")),
    mtime(join(DIST, "index.d.ts")),
    mtime(join(DIST, "cli/main.js")),
  ]);
  const entries = await readdir(join(REPOSITORY, "src"), { recursive: true });
  const sources = [...CONFIGURATION, "src", ...entries.map((entry) => `src/${entry}`)];
  const times = await Promise.all(sources.map((source) => mtime(join(REPOSITORY, source))));
  return Math.max(...times) < Math.min(...built);
}

async function mtime(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
}

async function files(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
