import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { importRules } from "../../scripts/check/import-rules.ts";

const BACKENDS = ["firecracker", "qemu"];
const RULES = importRules(["cli", "vm", "manager", "backends", "guest", "network", "state", "host"], BACKENDS);

/** Whether the rules let `file` import `specifier`; of several overrides that match, the last one counts. */
function allows(file: string, specifier: string): boolean {
  const pathMatches = (glob: string): boolean =>
    // `**/` also stands for no folder at all
    new RegExp(
      `^${glob.replaceAll(".", "\\.").replaceAll("**/", "@").replaceAll("*", "[^/]*").replaceAll("@", "(?:.*/)?")}$`,
    ).test(file);
  const rule = RULES.findLast(({ files }) => files.some(pathMatches));
  assert.ok(rule, `a rule covers ${file}`);
  return !rule.rules["no-restricted-imports"]?.[1].patterns.some(({ regex }) => new RegExp(regex).test(specifier));
}

describe("import directions", () => {
  const forbidden = [
    ["src/host/a.ts", "../vm/a.ts", "upwards"],
    ["src/guest/deep/a.ts", "../../state/a.ts", "between siblings"],
    ["src/backends/qemu/a.ts", "../../guest/a.ts", "from a backend to the guest"],
    ["src/backends/qemu/a.ts", "../firecracker/a.ts", "from one backend to another"],
    ["src/backends/backend.ts", "./qemu/a.ts", "from the interface to a backend"],
    ["src/vm/a.ts", "../backends/qemu/a.ts", "to a backend from outside of the manager"],
    ["src/guest/protocol/a.ts", "node:fs/promises", "of I/O into the protocol"],
    ["src/guest/protocol/a.ts", "../../process/a.ts", "of processes into the protocol"],
    ["src/network/user-network-plan.ts", "node:net", "of I/O into a plan"],
    ["src/config/a.ts", "fs", "of I/O into config"],
    ["src/manager/a.ts", "node:sqlite", "of SQL outside of state"],
    ["src/images/a.ts", "node:child_process", "of processes outside of process and host"],
    ["src/vm/a.ts", "../../test/support/a.ts", "of tests into the library"],
    ["src/index.ts", "./state/a.ts", "of state into the public exports"],
  ] as const;
  for (const [file, specifier, what] of forbidden) {
    test(`forbid an import ${what}`, () => assert.equal(allows(file, specifier), false));
  }

  const allowed = [
    ["src/cli/a.ts", "../vm/a.ts"],
    ["src/manager/a.ts", "../backends/qemu/a.ts"],
    ["src/backends/qemu/a.ts", "../backend.ts"],
    ["src/state/a.ts", "node:sqlite"],
    ["src/process/a.ts", "node:child_process"],
    ["src/guest/protocol/a.ts", "../../errors/codes.ts"],
    ["src/index.ts", "./vm/smolvm.ts"],
  ] as const;
  for (const [file, specifier] of allowed) {
    test(`allow ${specifier} in ${file}`, () => assert.equal(allows(file, specifier), true));
  }

  test("refuse a folder of src that is not in the table", () => {
    assert.throws(() => importRules(["utils"], BACKENDS), /src\/utils: not in the table/);
  });
});
