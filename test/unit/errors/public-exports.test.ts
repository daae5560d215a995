import assert from "node:assert/strict";
import { test } from "node:test";
import * as library from "../../../src/index.ts";

test("the package exports exactly these values", () => {
  assert.deepEqual(Object.keys(library).toSorted(), [
    "CommandExecutionUnavailableError",
    "GuestFileError",
    "HostError",
    "ImageBuilder",
    "ImageError",
    "InvalidStateError",
    "NetworkError",
    "OperationTimeoutError",
    "OutputLimitError",
    "SSH_BOOT_ARGS",
    "SmolVM",
    "SmolVMError",
    "SmolVMManager",
    "VMAlreadyExistsError",
    "VMNotFoundError",
    "VMState",
    "ValidationError",
  ]);
});

test("the states are strings that can be written out", () => {
  assert.deepEqual(library.VMState, {
    CREATED: "created",
    RUNNING: "running",
    PAUSED: "paused",
    STOPPED: "stopped",
    ERROR: "error",
  });
});
