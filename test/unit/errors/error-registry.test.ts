import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ERROR_CODES } from "../../../src/errors/codes.ts";
import * as errors from "../../../src/errors/smolvm-error.ts";
import * as library from "../../../src/index.ts";

const SOURCE = join(import.meta.dirname, "../../../src");
/** All code but the table itself. */
const code = globSync("**/*.ts", { cwd: SOURCE })
  .filter((path) => !path.endsWith("errors/codes.ts"))
  .map((path) => readFileSync(join(SOURCE, path), "utf8"))
  .join("\n");

describe("the registry of error codes", () => {
  for (const [name, entry] of Object.entries(ERROR_CODES)) {
    test(`${name} is thrown somewhere, and says what to do`, () => {
      assert.ok(code.includes(`"${name}"`));
      assert.match(entry.hint, /^[A-Z].*\.$/);
      assert.ok(entry.exitCode >= 64 && entry.exitCode <= 127);
      assert.ok(entry.httpStatus >= 400 && entry.httpStatus < 600);
    });
  }

  test("hints name options that the command line has", () => {
    for (const { hint } of Object.values(ERROR_CODES)) assert.doesNotMatch(hint, /ls --all/);
  });
});

describe("the error classes", () => {
  const classes = Object.entries(errors) as [string, typeof errors.SmolVMError][];

  for (const [name, errorClass] of classes) {
    test(`${name} is a SmolVMError whose name is that of its class, and is exported`, () => {
      assert.equal(errorClass.name, name);
      const error = new errorClass("IO_ERROR", "what", { cause: new Error("why") });
      assert.ok(error instanceof errors.SmolVMError && error instanceof Error);
      assert.equal(error.name, name);
      assert.equal((library as Record<string, unknown>)[name], errorClass);
    });
  }

  test("an error carries code, message, hint, frozen details, cause and the exit code of its code", () => {
    const cause = new Error("why");
    const error = new errors.HostError("IO_ERROR", "what", { cause, details: { path: "/a" } });
    assert.equal(error.code, "IO_ERROR");
    assert.equal(error.message, "what");
    assert.equal(error.hint, ERROR_CODES.IO_ERROR.hint);
    assert.deepEqual(error.details, { path: "/a" });
    assert.ok(Object.isFrozen(error.details));
    assert.equal(error.cause, cause);
    assert.equal(error.exitCode, 74);
    assert.equal(new errors.HostError("IO_ERROR", "what", { hint: "Do this." }).hint, "Do this.");
    assert.equal("cause" in new errors.HostError("IO_ERROR", "what"), false);
  });

  test("an unavailable command is a state error too, so that one `catch` covers both", () => {
    assert.ok(new errors.CommandExecutionUnavailableError("INVALID_STATE", "x") instanceof errors.InvalidStateError);
  });

  test("a timeout keeps the output", () => {
    const error = new errors.OperationTimeoutError("late", { stdout: "out", stderr: "err" });
    assert.deepEqual([error.code, error.stdout, error.stderr], ["TIMEOUT", "out", "err"]);
    assert.deepEqual([new errors.OperationTimeoutError("late").stdout], [""]);
  });
});
