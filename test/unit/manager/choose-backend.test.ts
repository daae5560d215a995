import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Backend } from "../../../src/backends/backend.ts";
import { QemuBackend } from "../../../src/backends/qemu/qemu-backend.ts";
import type { BackendName } from "../../../src/config/vm-config.ts";
import { chooseBackend } from "../../../src/manager/choose-backend.ts";

const backends: ReadonlyMap<BackendName, Backend> = new Map([["qemu", new QemuBackend()]]);

describe("the backend of a new VM", () => {
  for (const [wanted, variable] of [
    [undefined, undefined],
    [undefined, ""],
    [undefined, "auto"],
    [undefined, "qemu"],
    ["auto", "qemu"],
    ["qemu", "firecracker"],
  ] as const) {
    test(`is qemu for the option ${wanted} and SMOLVM_BACKEND=${variable}`, () => {
      assert.equal(chooseBackend(wanted, backends, { SMOLVM_BACKEND: variable }).name, "qemu");
    });
  }

  for (const [wanted, variable] of [
    ["firecracker", undefined],
    [undefined, "firecracker"],
    ["auto", "firecracker"],
  ] as const) {
    test(`is refused as unsupported for the option ${wanted} and SMOLVM_BACKEND=${variable}`, () => {
      assert.throws(() => chooseBackend(wanted, backends, { SMOLVM_BACKEND: variable }), {
        name: "ValidationError",
        code: "UNSUPPORTED",
        message: /"firecracker" is not part of this release; available: auto, qemu/,
      });
    });
  }

  test("is refused for a name that is none", () => {
    assert.throws(() => chooseBackend(undefined, backends, { SMOLVM_BACKEND: "xen" }), {
      code: "INVALID_OPTION",
      message: 'backend must be one of auto, qemu, got "xen"',
    });
  });
});
