import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatAge, formatBytes } from "../../../src/cli/print.ts";
import { parseEnv, toVmConfig } from "../../../src/cli/vm-config-options.ts";

describe("what people read", () => {
  test("an age is in the unit that fits", () => {
    const now = 1_000_000_000_000;
    const age = (seconds: number): string => formatAge(new Date(now - seconds * 1_000), now);
    assert.deepEqual([-5, 0, 119, 120, 7_199, 7_200, 172_799, 172_800].map(age), [
      ...["0 s", "0 s", "119 s", "2 min", "120 min", "2 h", "48 h", "2 d"],
    ]);
  });

  test("a size is in binary units", () => {
    assert.deepEqual([0, 1_023, 1_024, 1_536, 10 * 1_024, 1_024 ** 3, 5_000 * 1_024 ** 4].map(formatBytes), [
      ...["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "10 KiB", "1.0 GiB", "5000 TiB"],
    ]);
  });
});

describe("options of the command line", () => {
  test("numbers become numbers, and what is none stays for the library to refuse", () => {
    assert.deepEqual(toVmConfig({ memory: "512", cpus: "1.5", disk: "lots" }), {
      memoryMiB: 512,
      vcpuCount: 1.5,
      diskMiB: "lots",
    });
    assert.deepEqual(toVmConfig({}), {});
    assert.deepEqual(toVmConfig({ memory: "0x200" }), { memoryMiB: "0x200" });
  });

  test("a variable is split at its first equals sign, and may be empty", () => {
    assert.deepEqual(parseEnv(["A=b=c", "B="]), { A: "b=c", B: "" });
    assert.equal(parseEnv([]), undefined);
    for (const pair of ["A", "=b", ""]) assert.throws(() => parseEnv([pair]), { code: "INVALID_OPTION" });
  });
});
