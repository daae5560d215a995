import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { temporaryDir } from "../../support/temporary-dir.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..", "..");
const MAIN = join(REPOSITORY, "src/cli/main.ts");
const SRC = pathToFileURL(join(REPOSITORY, "src/")).href;
/** Writes the address of every module that is loaded to stderr. */
const PRINT_MODULES = `data:text/javascript,${encodeURIComponent(`
  import { writeSync } from "node:fs";
  import { registerHooks } from "node:module";
  registerHooks({
    load: (url, context, next) => {
      writeSync(2, url + "\\n");
      return next(url, context);
    },
  });
`)}`;

/** Which folders and files of `src`, and which modules of Node, the command line loads for these words. */
async function loadedFor(...words: readonly string[]): Promise<readonly string[]> {
  const { stderr } = await promisify(execFile)(process.execPath, ["--import", PRINT_MODULES, MAIN, ...words]);
  const urls = stderr.split("\n");
  return urls.filter((url) => url.startsWith(SRC) || url.startsWith("node:")).map((url) => url.replace(SRC, ""));
}

describe("a start of the command line", () => {
  test("loads nothing of the library for the version, and no command", async () => {
    const loaded = await loadedFor("--version");
    assert.ok(loaded.includes("cli/run-cli.ts"), "the list is one of what was loaded");
    assert.deepEqual(
      loaded.filter((path) => !/^(cli\/[^/]+|errors\/.+)\.ts$/.test(path) && !path.startsWith("node:")),
      [],
    );
    assert.deepEqual(
      loaded.filter((path) => /^node:(sqlite|net|http|crypto|readline|zlib)$/.test(path)),
      [],
    );
  });

  test("loads the code of the one command that is named", async () => {
    const loaded = await loadedFor("ls", "--help");
    assert.deepEqual(
      loaded.filter((path) => path.startsWith("cli/commands/")),
      ["cli/commands/ls.ts"],
    );
  });
});

describe("the compile cache", () => {
  /** Prints the version with this environment; returns what is in the cache's directory then. */
  async function filesAfterStart(cacheHome: string, env: NodeJS.ProcessEnv = {}): Promise<readonly string[]> {
    const { NODE_COMPILE_CACHE: _, NODE_DISABLE_COMPILE_CACHE: _disabled, ...inherited } = process.env;
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN, "--version"], {
      env: { ...inherited, XDG_CACHE_HOME: cacheHome, ...env },
    });
    const { version } = JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8")) as { version: string };
    assert.equal(stdout, `${version}\n`);
    const dir = join(cacheHome, "smolvm/compile-cache");
    return existsSync(dir) ? readdirSync(dir, { recursive: true, encoding: "utf8" }) : [];
  }

  test("lies in the user's cache directory", async (t) => {
    assert.notDeepEqual(await filesAfterStart(temporaryDir(t)), []);
  });

  test("is not written where NODE_DISABLE_COMPILE_CACHE says so", async (t) => {
    assert.deepEqual(await filesAfterStart(temporaryDir(t), { NODE_DISABLE_COMPILE_CACHE: "1" }), []);
  });

  test("lies where NODE_COMPILE_CACHE says", async (t) => {
    const dir = temporaryDir(t);
    assert.deepEqual(await filesAfterStart(temporaryDir(t), { NODE_COMPILE_CACHE: dir }), []);
    assert.notDeepEqual(readdirSync(dir), []);
  });

  test("is done without where its directory cannot be made", async () => {
    assert.deepEqual(await filesAfterStart("/dev/null"), []);
  });

  test("is not taken from a directory of somebody else", { skip: isRoot() ? false : "needs root" }, async (t) => {
    const home = temporaryDir(t);
    const dir = join(home, "smolvm/compile-cache");
    mkdirSync(dir, { recursive: true });
    chownSync(dir, 65_534, 65_534);
    assert.deepEqual(await filesAfterStart(home), []);
  });
});

function isRoot(): boolean {
  return process.geteuid?.() === 0;
}
