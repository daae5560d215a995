import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { describe, test } from "node:test";

const MODULE = new URL("../../../src/process/debug-log.ts", import.meta.url).href;
const SCRIPT = `import { debugLog } from ${JSON.stringify(MODULE)}; debugLog("vm.event", { vmId: "sbx-1" });`;
const ARGUMENTS = ["--input-type=module", "--eval", SCRIPT];

describe("the debug log", () => {
  test("is silent unless SMOLVM_LOG is debug", () => {
    for (const value of ["", "info"]) {
      const { stdout, stderr } = spawnSync(process.execPath, ARGUMENTS, {
        encoding: "utf8",
        env: { ...process.env, SMOLVM_LOG: value },
      });
      assert.equal(stdout + stderr, "");
    }
  });

  test("writes one line an event to stderr, and nothing to stdout", () => {
    const env = { ...process.env, SMOLVM_LOG: "debug" };
    const { stderr } = spawnSync(process.execPath, ARGUMENTS, { encoding: "utf8", env });
    assert.match(stderr, /^\d{4}-\d\d-\d\dT[\d:.]+Z vm\.event \{"vmId":"sbx-1"\}\n$/);
    assert.equal(execFileSync(process.execPath, ARGUMENTS, { encoding: "utf8", env, stdio: "pipe" }), "");
  });
});
