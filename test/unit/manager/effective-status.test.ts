import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ALLOWED_STATES, type VMAction, VMState } from "../../../src/config/vm-state.ts";
import { assertState, effectiveStatus, isDone } from "../../../src/manager/effective-status.ts";
import { identifySelf } from "../../../src/process/process-identity.ts";
import type { VMRecord } from "../../../src/state/vm-record.ts";

const alive = identifySelf();
const dead = { ...alive, birth: "00000000:1" };

function record(part: Partial<VMRecord>): VMRecord {
  return { id: "vm", status: "running", vmm: alive, operation: null, ...part } as VMRecord;
}

describe("the state of a VM", () => {
  test("is running while its VMM lives", () => assert.equal(effectiveStatus(record({})), "running"));

  test("is error as soon as its VMM is gone, before anybody has recorded it", () => {
    assert.equal(effectiveStatus(record({ vmm: dead })), "error");
    assert.equal(effectiveStatus(record({ vmm: null })), "error");
    assert.equal(effectiveStatus(record({ status: "paused", vmm: dead })), "error");
  });

  test("is stopped when the VMM is gone because it is being stopped or deleted", () => {
    assert.equal(effectiveStatus(record({ vmm: dead, operation: "stop" })), "stopped");
    assert.equal(effectiveStatus(record({ vmm: dead, operation: "delete" })), "stopped");
    assert.equal(effectiveStatus(record({ vmm: dead, operation: "start" })), "error");
  });
});

describe("what is allowed in a state", () => {
  const states = Object.values(VMState);
  for (const action of Object.keys(ALLOWED_STATES) as VMAction[]) {
    for (const status of states) {
      const { from, done } = ALLOWED_STATES[action];
      const what = from.includes(status) ? "is allowed" : done.includes(status) ? "is done already" : "is refused";
      test(`${action} of a VM that is ${status} ${what}`, () => {
        const vm = record({ status });
        assert.equal(isDone(vm, action), what === "is done already");
        if (from.includes(status)) return assert.doesNotThrow(() => assertState(vm, action));
        assert.throws(() => assertState(vm, action), {
          name: action === "run" ? "CommandExecutionUnavailableError" : "InvalidStateError",
          code: "INVALID_STATE",
          message: `cannot ${action} the VM "vm" in state "${status}"; allowed: ${from.map((name) => `"${name}"`).join(", ")}`,
          details: { vmId: "vm", state: status, allowed: from },
        });
      });
    }
  }

  test("no state is a dead end: each can be deleted, and started or stopped", () => {
    for (const state of states) {
      assert.ok(ALLOWED_STATES.delete.from.includes(state));
      assert.ok([ALLOWED_STATES.start, ALLOWED_STATES.stop].some(({ from }) => from.includes(state)));
    }
    assert.ok(ALLOWED_STATES.start.from.includes("error"), "the disk of a crashed VM is not lost");
  });
});
