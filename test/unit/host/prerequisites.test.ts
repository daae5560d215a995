import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { TestContext } from "node:test";
import { installPackages } from "../../../src/host/install-packages.ts";
import { installCommand } from "../../../src/host/package-manager.ts";
import { prerequisiteTable } from "../../../src/host/prerequisite-table.ts";
import { checkPrerequisites, isAtLeast, missingPackages } from "../../../src/host/prerequisites.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";

const EMULATOR = process.arch === "arm64" ? "qemu-system-aarch64" : "qemu-system-x86_64";

let path: string | undefined;
beforeEach(() => {
  path = process.env["PATH"];
});
afterEach(() => {
  process.env["PATH"] = path;
});

/** Puts one program alone into PATH; the folders of administrators are looked at besides. */
function onlyProgram(t: TestContext, name: string, script: string): void {
  const folder = temporaryDir(t);
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
  process.env["PATH"] = folder;
}

describe("checkPrerequisites", () => {
  test("reports a program that is absent, with the command that installs it", async (t) => {
    onlyProgram(t, "apt-get", "exit 0");
    const reports = await checkPrerequisites({ purposes: ["run"] });
    const emulator = reports.find((report) => report.name === EMULATOR);
    assert.equal(emulator?.ok, false);
    assert.match(emulator.installCommand, /^(sudo )?apt-get install qemu-system-/);
    assert.equal(emulator.detail, "not found");
  });

  test("reports a program that is too old, with both versions", async (t) => {
    onlyProgram(t, EMULATOR, "echo 'QEMU emulator version 6.2.0'");
    const reports = await checkPrerequisites({ purposes: ["run"] });
    const emulator = reports.find((report) => report.name === EMULATOR);
    assert.equal(emulator?.ok, false);
    assert.equal(emulator.version, "6.2.0");
    assert.equal(emulator.detail, "version 6.2.0 is too old: 7.2 is needed");
  });

  test("takes a version that is new enough, with the distribution's suffix", async (t) => {
    onlyProgram(t, EMULATOR, "echo 'QEMU emulator version 7.2.19 (Debian 1:7.2+dfsg-7+deb12u13)'");
    const reports = await checkPrerequisites({ purposes: ["run"] });
    const emulator = reports.find((report) => report.name === EMULATOR);
    assert.equal(emulator?.ok, true);
    assert.equal(emulator.version, "7.2.19");
  });

  test("reports a program that cannot be executed as not ok", async (t) => {
    onlyProgram(t, EMULATOR, "exit 126");
    const [, emulator] = await checkPrerequisites({ purposes: ["run"] });
    assert.equal(emulator?.ok, false);
    assert.match(emulator.detail ?? "", /does not tell its version/);
  });

  test("starts no program when versions are not asked for", async (t) => {
    const marker = join(temporaryDir(t), "started");
    onlyProgram(t, EMULATOR, `touch ${marker}`);
    const [, emulator] = await checkPrerequisites({ purposes: ["run"], versions: false });
    assert.equal(emulator?.ok, true);
    assert.equal(emulator.version, undefined);
    assert.throws(() => chmodSync(marker, 0o600), { code: "ENOENT" });
  });

  test("lists Node first, and only for the purpose of running", async () => {
    const run = await checkPrerequisites({ purposes: ["run"], versions: false });
    assert.equal(run[0]?.name, "node");
    assert.equal(run[0].version, process.versions.node);
    const image = await checkPrerequisites({ purposes: ["image"], versions: false });
    assert.ok(image.every((report) => report.purpose === "image"));
  });
});

test("every prerequisite names a package of apt and what it is for", () => {
  for (const arch of ["x64", "arm64"]) {
    for (const { name, packages, use } of prerequisiteTable(arch)) {
      assert.ok(packages.apt.length > 0, name);
      assert.notEqual(use, "", name);
    }
  }
});

test("missing packages are listed once each", () => {
  const report = { name: "x", purpose: "run", use: "", installCommand: "" } as const;
  const missing = missingPackages([
    { ...report, ok: false, packages: ["a", "b"] },
    { ...report, ok: true, packages: ["c"] },
    { ...report, ok: false, packages: ["b"] },
  ]);
  assert.deepEqual(missing, ["a", "b"]);
});

test("the install command uses sudo only where it is needed", () => {
  assert.equal(installCommand(["a", "b"], "apt", true), "apt-get install a b");
  assert.equal(installCommand(["a"], "apt", false), "sudo apt-get install a");
  assert.equal(installCommand(["a"], "dnf", false), "sudo dnf install a");
  assert.equal(installCommand(["a"], "brew", false), "brew install a");
});

test("versions are compared number by number", () => {
  assert.equal(isAtLeast("7.2.19", "7.2"), true);
  assert.equal(isAtLeast("10.0.0", "7.2"), true);
  assert.equal(isAtLeast("7.1.9", "7.2"), false);
  assert.equal(isAtLeast("7", "7.0"), true);
});

describe("installPackages", () => {
  test("does nothing for an empty list", async () => {
    process.env["PATH"] = "";
    await installPackages([]);
  });

  test("refuses on a host without apt-get, and says what to type", async () => {
    process.env["PATH"] = "";
    await assert.rejects(installPackages(["qemu-utils"]), {
      code: "PREREQUISITE_MISSING",
      hint: /install qemu-utils/,
    });
  });

  test(
    "goes on when a source of packages does not answer, and passes each line on",
    { skip: process.getuid?.() === 0 ? false : "needs root: apt-get is called without sudo then" },
    async (t) => {
      onlyProgram(t, "apt-get", `for last; do :; done; echo "apt: $last"; test "$last" != update`);
      process.env["PATH"] += `:${path ?? ""}`;
      const lines: string[] = [];
      await installPackages(["some-package"], { onLine: (line) => lines.push(line) });
      assert.deepEqual(
        lines.map((line) => line.split(":")[0]),
        ["apt", "warning", "apt"],
      );
    },
  );

  test(
    "fails with the end of apt-get's messages",
    { skip: process.getuid?.() === 0 ? false : "needs root: apt-get is called without sudo then" },
    async (t) => {
      onlyProgram(t, "apt-get", `echo "E: Unable to locate package" >&2; exit 100`);
      process.env["PATH"] += `:${path ?? ""}`;
      await assert.rejects(installPackages(["nonsense"]), {
        code: "PREREQUISITE_MISSING",
        message: /exit code 100[^]*Unable to locate package/,
      });
    },
  );
});
