import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { SmolVM } from "../../src/index.ts";
import { temporaryDir } from "../support/temporary-dir.ts";
import { sharedVM } from "../support/vm-fixture.ts";

/** What a caller without types may pass. */
type Loose = (...values: readonly unknown[]) => Promise<unknown>;

describe("a call with an option that it does not have", () => {
  const shared = sharedVM();
  let vm: Record<"start" | "stop" | "waitForReady" | "run", Loose>;
  before(() => {
    vm = shared.vm as unknown as typeof vm;
  });

  for (const [call, values, option] of [
    ["start", [{ bootTimeout: 5 }], "bootTimeout"],
    ["stop", [{ timeout: 5 }], "timeout"],
    ["waitForReady", [{ timeout: 5 }], "timeout"],
    ["run", ["true", { timeout: 5 }], "timeout"],
  ] as const) {
    test(`${call}() refuses "${option}" and says what there is`, async () => {
      await assert.rejects(vm[call](...values), (error: Error & { code: string; hint: string }) => {
        assert.equal(error.name, "ValidationError");
        assert.equal(error.code, "INVALID_OPTION");
        assert.equal(error.message, `${call}() has no option "${option}"`);
        assert.match(error.hint, /imeoutMs/);
        return true;
      });
    });
  }

  test("run() refuses a command that is neither a string nor an array of strings", async () => {
    for (const [command, message] of [
      [5, /a command must be a string or an array of strings, got 5/],
      [null, /got null/],
      [["echo", 5], /argument 1 of the command must be a string, got 5/],
      [[], /a command needs a name/],
    ] as const) {
      await assert.rejects(vm.run(command), { name: "ValidationError", code: "INVALID_OPTION", message });
    }
  });

  test("create() refuses an option of launch()", async () => {
    const dataDir = temporaryDir({ after });
    await assert.rejects(SmolVM.create({ dataDir, bootTimeoutMs: 5 } as object), {
      name: "ValidationError",
      message: /has no option "bootTimeoutMs"/,
    });
  });
});
