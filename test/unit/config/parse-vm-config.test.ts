import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseVmConfig } from "../../../src/config/parse-vm-config.ts";

describe("parseVmConfig", () => {
  test("nothing at all is a config", () => {
    assert.deepEqual(parseVmConfig(undefined), {});
    assert.deepEqual(parseVmConfig({}), {});
  });

  test("a config with every option comes back as it was, frozen to the bottom", () => {
    const config = {
      vmId: "my-vm",
      vcpuCount: 64,
      memoryMiB: 64,
      diskMiB: 1,
      kernelPath: "/k",
      rootfsPath: "r,o=o t",
      initrdPath: "/i",
      bootArgs: 'console=ttyS0 a="b c"',
      backend: "qemu",
      diskMode: "shared",
      retainDiskOnDelete: true,
      env: { "a.b-c": "two\nlines", ü: '"quoted" \\' },
      network: "none",
      idlePauseMs: 100,
      ttlMs: 2 ** 31 - 1,
    };
    const parsed = parseVmConfig(config);
    assert.deepEqual(parsed, config);
    assert.ok(Object.isFrozen(parsed) && Object.isFrozen(parsed.env));
  });

  test("what the caller changes afterwards changes nothing", () => {
    const env = { A: "1" };
    const parsed = parseVmConfig({ env });
    env.A = "2";
    assert.deepEqual(parsed.env, { A: "1" });
  });

  const refused: readonly (readonly [config: unknown, option: string, message: RegExp])[] = [
    ["text", "", /^VMConfig must be an object, got "text"$/],
    [[], "", /^VMConfig must be an object, got an array$/],
    [{ memory: 512 }, "", /^VMConfig has no option "memory"$/],
    [{ memoryMiB: 0 }, "memoryMiB", /^memoryMiB must be a whole number from 64 to 1048576, got 0$/],
    [{ memoryMiB: -1 }, "memoryMiB", /whole number .*, got -1$/],
    [{ memoryMiB: "lots" }, "memoryMiB", /whole number .*, got "lots"$/],
    [{ memoryMiB: 64.5 }, "memoryMiB", /whole number .*, got 64.5$/],
    [{ memoryMiB: Number.NaN }, "memoryMiB", /whole number .*, got NaN$/],
    [{ memoryMiB: Number.POSITIVE_INFINITY }, "memoryMiB", /whole number .*, got Infinity$/],
    [{ memoryMiB: null }, "memoryMiB", /whole number .*, got null$/],
    [{ memoryMiB: 63 }, "memoryMiB", /whole number from 64/],
    [{ vcpuCount: 0 }, "vcpuCount", /whole number from 1 to 64, got 0$/],
    [{ vcpuCount: 65 }, "vcpuCount", /got 65$/],
    [{ diskMiB: 0 }, "diskMiB", /got 0$/],
    [{ diskMiB: 1n }, "diskMiB", /got 1$/],
    [{ vmId: "a/b" }, "vmId", /^vmId must match .*, got "a\/b"$/],
    [{ image: "" }, "image", /^image must not be empty or hold a NUL byte, got ""$/],
    [{ kernelPath: "/k\0", rootfsPath: "/r" }, "kernelPath", /NUL byte/],
    [{ kernelPath: "/k" }, "rootfsPath", /^kernelPath and rootfsPath must be given together/],
    [{ rootfsPath: "/r" }, "kernelPath", /^kernelPath and rootfsPath must be given together/],
    [{ initrdPath: "/i" }, "initrdPath", /^initrdPath must come with kernelPath and rootfsPath/],
    [{ image: "debian", kernelPath: "/k", rootfsPath: "/r" }, "image", /exclude each other/],
    [{ diskMode: "shared" }, "diskMode", /must come with a rootfsPath/],
    [{ diskMode: "copy" }, "diskMode", /must be one of "isolated", "shared", got "copy"$/],
    [{ backend: "xen" }, "backend", /must be one of "auto", "qemu", "firecracker", got "xen"$/],
    [{ network: "bridge" }, "network", /must be one of "auto", "tap", "user", "none", got "bridge"$/],
    [{ idlePauseMs: 99 }, "idlePauseMs", /whole number from 100 to 2147483647, got 99$/],
    [{ idlePauseMs: 2 ** 31 }, "idlePauseMs", /got 2147483648$/],
    [{ idlePauseMs: 100, kernelPath: "/k", rootfsPath: "/r" }, "idlePauseMs", /without a guest agent/],
    [{ ttlMs: 999 }, "ttlMs", /whole number from 1000 to 2147483647, got 999$/],
    [{ ttlMs: "1h" }, "ttlMs", /got "1h"$/],
    [{ retainDiskOnDelete: "yes" }, "retainDiskOnDelete", /must be true or false, got "yes"$/],
    [{ bootArgs: "a\nb" }, "bootArgs", /printable ASCII/],
    [{ bootArgs: "x".repeat(1_537) }, "bootArgs", /at most 1536/],
    [{ env: "A=1" }, "env", /^env must be an object of strings, got a string$/],
    [{ env: { "A=B": "1" } }, "env", /^env must have names without '=' and NUL bytes, got "A=…"$/],
    [{ env: { "A\0": "1" } }, "env", /^env must have names .*, got "A\\u0000"$/],
    [{ env: { "": "1" } }, "env", /^env must have names .*, got ""$/],
    [{ env: { A: "b\0c" } }, "env.A", /must not hold a NUL byte/],
    [{ env: { A: 1 } }, "env.A", /^env.A must be a string, got a number$/],
  ];
  for (const [config, option, message] of refused) {
    test(`refuses ${show(config)}`, () => {
      assert.throws(
        () => parseVmConfig(config),
        (error: Error & { code: string; hint: string; details: { option: string } }) => {
          assert.equal(error.name, "ValidationError");
          assert.equal(error.code, "INVALID_OPTION");
          assert.match(error.message, message);
          assert.equal(error.details.option, option);
          assert.notEqual(error.hint, "");
          return true;
        },
      );
    });
  }
});

/** A config as a title. */
function show(config: unknown): string {
  return JSON.stringify(config, (_, value: unknown) => (isShown(value) ? value : String(value))).slice(0, 70);
}

/** Whether JSON tells the value from others. */
function isShown(value: unknown): boolean {
  return typeof value !== "bigint" && !(typeof value === "number" && !Number.isFinite(value));
}
