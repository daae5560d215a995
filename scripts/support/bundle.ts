import { chmod, readFile, readdir, writeFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { type OutputChunk, rolldown } from "rolldown";
import { leanBuiltins } from "./lean-builtins.ts";
import { REPOSITORY } from "./repository.ts";

/**
 * What is always loaded together is one file. Each takes along what its modules import at once, without what is in the files
 * before it; what is imported later, such as the code of a command, becomes a file of its own.
 */
const FILES = [
  { name: "errors", test: /src\/errors\// },
  { name: "program", test: /src\/cli\/run-cli\.ts$/ },
  { name: "library", test: /src\/index\.ts$/ },
  { name: "commands", test: /src\/cli\/(?!main|compile-cache)[^/]+\.ts$/ },
];

const SRC = join(REPOSITORY, "src");
const MODULES_FOLDER = `${sep}node_modules${sep}`;

/**
 * Bundles `src/` and the packages that it imports to few files: opening and resolving hundreds of small ones takes
 * several times as long as running them. Names stay, so that stack traces can be read; the maps lead to `src/`.
 */
export async function bundle(dist: string): Promise<void> {
  await using build = await rolldown({
    input: { index: join(SRC, "index.ts"), "cli/main": join(SRC, "cli/main.ts") },
    platform: "node",
    external: /^node:/,
    plugins: [leanBuiltins],
    onLog: (level, { message }) => {
      if (level === "warn") throw new Error(message);
    },
  });
  const { output } = await build.write({
    dir: dist,
    format: "esm",
    // No hash: the compile cache replaces the code of a file that has changed, and keeps that of one that is gone.
    // As deep as the sources are, for `new URL("../../…", import.meta.url)`.
    chunkFileNames: "chunks/[name].js",
    codeSplitting: { groups: FILES },
    sourcemap: true,
    sourcemapExcludeSources: true,
    comments: { jsdoc: false },
  });
  await chmod(join(dist, "cli/main.js"), 0o755);
  const licenses = await licensesOf(output.filter((file) => file.type === "chunk"));
  await writeFile(join(dist, "third-party-licenses.txt"), licenses);
}

/** The licenses of the packages whose code is in the files: each asks for its text to come along. */
async function licensesOf(chunks: readonly OutputChunk[]): Promise<string> {
  const packages = new Set<string>();
  for (const id of chunks.flatMap(({ moduleIds }) => moduleIds)) {
    const at = id.lastIndexOf(MODULES_FOLDER);
    if (at === -1) continue;
    const [scope = "", name = ""] = id.slice(at + MODULES_FOLDER.length).split(sep);
    packages.add(join(id.slice(0, at), "node_modules", scope.startsWith("@") ? join(scope, name) : scope));
  }
  const texts = await Promise.all([...packages].toSorted().map(licenseOf));
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

async function licenseOf(folder: string): Promise<string> {
  const { name, version } = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as Record<string, string>;
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${name} is bundled and comes without the text of its license`);
  return `${name} ${version}\n\n${(await readFile(join(folder, file), "utf8")).trim()}\n`;
}
