import { chmod, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { REPOSITORY } from "./repository.ts";
import { runTool } from "./run-tool.ts";
import type { StepOutcome } from "./steps.ts";

const DIST = join(REPOSITORY, "dist");
const PROGRAM = join(DIST, "cli", "main.js");

/** Compiles `src/` to `dist/`, unless `dist/` is newer than every source. */
export async function build(): Promise<StepOutcome> {
  if (await isFresh()) return { skipped: "up to date" };
  const started = Date.now();
  const result = await runTool(["tsc", "-p", "tsconfig.build.json"]);
  if (!result.ok) throw new Error(`the sources do not compile:\n${result.output}`);
  // A file whose source is gone would stay; deleting all of dist first would break programs that run from it now.
  for (const path of await files(DIST)) {
    if ((await stat(path)).mtimeMs < started - 1_000) await rm(path);
  }
  await chmod(PROGRAM, 0o755).catch((error: NodeJS.ErrnoException) => {
    // Before the command line exists there is nothing to make executable.
    if (error.code !== "ENOENT") throw error;
  });
  return { done: "compiled src to dist" };
}

async function isFresh(): Promise<boolean> {
  const [built, program] = await Promise.all([mtime(join(DIST, "index.js")), mtime(PROGRAM)]);
  if (built === 0 || program === 0) return false;
  const entries = await readdir(join(REPOSITORY, "src"), { recursive: true });
  const sources = [
    "package.json",
    "tsconfig.json",
    "tsconfig.build.json",
    "src",
    ...entries.map((entry) => `src/${entry}`),
  ];
  const times = await Promise.all(sources.map((source) => mtime(join(REPOSITORY, source))));
  return Math.max(...times) < built;
}

async function mtime(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
}

async function files(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
