import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { ERROR_CODES } from "../../src/errors/codes.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..");

function read(path: string): string {
  return readFileSync(join(REPOSITORY, path), "utf8");
}

describe("docs/errors.md", () => {
  /** Each section with its text. */
  const sections = new Map(
    read("docs/errors.md")
      .split(/^### /m)
      .slice(1)
      .map((section) => [section.slice(0, section.indexOf("\n")), section]),
  );

  test("has a section for every code, and for nothing else", () => {
    assert.deepEqual([...sections.keys()], Object.keys(ERROR_CODES));
  });

  for (const [code, entry] of Object.entries(ERROR_CODES)) {
    test(`tells the exit code, the HTTP status and what to do for ${code}`, () => {
      const section = sections.get(code) ?? "";
      assert.match(section, new RegExp(`· exit code ${entry.exitCode} · HTTP status ${entry.httpStatus}$`, "m"));
      assert.match(section, /^\*\*What to do:\*\* \S/m);
    });
  }
});

test("docs/dependencies.md has a line for every dependency, and for nothing else", () => {
  const { dependencies, devDependencies }: Record<string, object> = JSON.parse(read("package.json"));
  const documented = [...read("docs/dependencies.md").matchAll(/^\| `(\S+)` \|/gm)].map((match) => match[1]);
  const declared = [...Object.keys(dependencies ?? {}), ...Object.keys(devDependencies ?? {})];
  assert.deepEqual(new Set(documented), new Set(declared));
  assert.equal(documented.length, declared.length);
});

test("the first block of shell in README.md is the two commands", () => {
  const block = /^```sh\n([^]*?)^```/m.exec(read("README.md"))?.[1];
  assert.equal(block, "sh scripts/demo.sh\nsh scripts/test.sh\n");
});

test("links between the documents lead to files that exist", () => {
  const docs = readdirSync(join(REPOSITORY, "docs"), { recursive: true, encoding: "utf8" }).map(
    (name) => `docs/${name}`,
  );
  for (const path of ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ...docs].filter((name) => name.endsWith(".md"))) {
    for (const [, target = ""] of read(path).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      assert.ok(existsSync(join(REPOSITORY, dirname(path), target)), `${path} links to ${target}`);
    }
  }
});

test("package-lock.json names no host of a registry", () => {
  assert.doesNotMatch(read("package-lock.json"), /"resolved": "(?!scripts\/)/);
});
