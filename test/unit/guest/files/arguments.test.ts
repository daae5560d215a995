import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VMFiles } from "../../../../src/vm/files/files.ts";

describe("arguments of file operations", () => {
  const files = new VMFiles(() => assert.fail("connected for a wrong argument"));
  const wrong: Readonly<Record<string, readonly [code: string, call: () => unknown]>> = {
    "a relative path": ["INVALID_PATH", () => files.read("etc/hosts")],
    "a path with a NUL byte": ["INVALID_PATH", () => files.readText("/a\0b")],
    "half a character": ["INVALID_PATH", () => files.stat("/\ud800")],
    "no path": ["INVALID_PATH", () => files.list(undefined as never)],
    "a relative new path": ["INVALID_PATH", () => files.rename("/a", "b")],
    "an empty link": ["INVALID_PATH", () => files.symlink("", "/a")],
    "an unknown option": ["INVALID_OPTION", () => files.read("/a", { encoding: "utf8" } as never)],
    "a negative offset": ["INVALID_OPTION", () => files.read("/a", { offset: -1 })],
    "half a byte": ["INVALID_OPTION", () => files.read("/a", { length: 0.5 })],
    "a deadline of no time": ["INVALID_OPTION", () => files.stat("/a", { timeoutMs: 0 })],
    "a mode with a type": ["INVALID_OPTION", () => files.chmod("/a", 0o100644)],
    "an owner that is only a group": ["INVALID_OPTION", () => files.chown("/a", { gid: 1 } as never)],
    "an owner that is -1": ["INVALID_OPTION", () => files.chown("/a", { uid: 2 ** 32 - 1, gid: 0 })],
    "no time": ["INVALID_OPTION", () => files.utimes("/a", new Date(Number.NaN))],
    "data that is a number": ["INVALID_OPTION", () => files.write("/a", 5 as never)],
    "an atomic append": ["INVALID_OPTION", () => files.write("/a", "", { atomic: true, append: true })],
    "an append at an offset": ["INVALID_OPTION", () => files.write("/a", "", { offset: 1, append: true })],
    "a policy that does not exist": ["INVALID_OPTION", () => files.download("/a", "/b", { symlinks: "some" as never })],
    "no path on the host": ["INVALID_PATH", () => files.download("/a", "")],
    "a missing path on the host": ["INVALID_PATH", () => files.upload("/no/such/path", "/a")],
    "a device of the host": ["INVALID_PATH", () => files.upload("/dev/null", "/a")],
    "a path longer than a request": ["INVALID_OPTION", () => files.stat(`/${"x".repeat(70_000)}`)],
  };
  for (const [name, [code, call]] of Object.entries(wrong)) {
    test(`are refused before anything is sent: ${name}`, async () => {
      await assert.rejects(
        async () => await call(),
        (error: Error & { code: string }) => {
          assert.deepEqual([error.name, error.code], ["ValidationError", code]);
          return true;
        },
      );
    });
  }
});
