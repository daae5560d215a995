import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { accessSync, constants, copyFileSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { bundle } from "../../../scripts/support/bundle.ts";
import * as library from "../../../src/index.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..", "..");
const { version, bin, exports } = JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8")) as {
  readonly version: string;
  readonly bin: { readonly smolvm: string };
  readonly exports: { readonly ".": { readonly default: string } };
};

describe("the bundled package", () => {
  /** A package of its own, without `node_modules` anywhere above it. */
  const folder = temporaryDir({ after });
  const dist = join(folder, "dist");
  const built = pathToFileURL(join(folder, exports["."].default)).href;
  before(async () => {
    copyFileSync(join(REPOSITORY, "package.json"), join(folder, "package.json"));
    await bundle(dist);
  });

  const programs = (): readonly string[] =>
    readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".js"));

  /** What a file imports before it runs. */
  const importsOf = (path: string): readonly string[] =>
    [...readFileSync(join(dist, path), "utf8").matchAll(/^(?:import|export) .*?["']([^"']+)["'];$/gm)].map(
      (match) => match[1] ?? "",
    );

  test("has the program that bin names, and it runs by itself", async () => {
    const path = join(folder, bin.smolvm);
    accessSync(path, constants.X_OK);
    assert.match(readFileSync(path, "utf8"), /^#!\/usr\/bin\/env node\n/);
    const { stdout } = await promisify(execFile)(process.execPath, [path, "--version"]);
    assert.equal(stdout, `${version}\n`);
  });

  test("exports what the sources do", async () => {
    const exported = (await import(built)) as object;
    assert.deepEqual(Object.keys(exported).toSorted(), Object.keys(library).toSorted());
  });

  test("keeps the names of classes", async () => {
    const { HostError, SmolVM } = (await import(built)) as typeof library;
    assert.equal(SmolVM.name, "SmolVM");
    assert.equal(new HostError("IO_ERROR", "").constructor.name, "HostError");
  });

  test("imports nothing but its own files: no other package, and of Node only what it asks for", () => {
    const specifiers = programs().flatMap(importsOf);
    assert.ok(specifiers.length > 0);
    assert.deepEqual(
      specifiers.filter((specifier) => !/^\.\.?\//.test(specifier)),
      [],
    );
  });

  test("has the license of every package that it holds", () => {
    const maps = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".js.map"));
    const held = maps.flatMap((path) => {
      const { sources } = JSON.parse(readFileSync(join(dist, path), "utf8")) as { sources: readonly string[] };
      return sources.flatMap((source) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(source)?.[1] ?? []);
    });
    assert.ok(held.includes("commander"));
    const licenses = readFileSync(join(dist, "third-party-licenses.txt"), "utf8");
    for (const name of held) assert.match(licenses, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+\\n\\n`, "m"));
  });

  test("opens few files for a command, and not the library for the version", () => {
    const loadedBy = (...paths: readonly string[]): ReadonlySet<string> => {
      const loaded = new Set(paths);
      for (const path of loaded) {
        for (const specifier of importsOf(path)) {
          if (specifier.startsWith(".")) loaded.add(join(path, "..", specifier));
        }
      }
      return loaded;
    };
    const forVersion = loadedBy("cli/main.js", "chunks/run-cli.js");
    assert.deepEqual([...forVersion].toSorted(), [
      "chunks/errors.js",
      "chunks/program.js",
      "chunks/run-cli.js",
      "cli/main.js",
    ]);
    const forRun = loadedBy(...forVersion, "chunks/run.js");
    assert.ok(forRun.has("chunks/library.js"));
    assert.ok(forRun.size <= 7, [...forRun].join(" "));
  });
});
