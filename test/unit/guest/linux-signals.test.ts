import assert from "node:assert/strict";
import { constants } from "node:os";
import { test } from "node:test";

import { linuxSignalName, linuxSignalNumber } from "../../../src/guest/command/linux-signals.ts";

test("signals have the numbers of Linux", { skip: process.platform !== "linux" && "the host is not Linux" }, () => {
  for (const [name, number] of Object.entries(constants.signals)) {
    assert.equal(linuxSignalNumber(name as NodeJS.Signals), number, name);
    assert.equal(linuxSignalNumber(linuxSignalName(number)!), number, name);
  }
});

test("what is no signal of Linux has no number, and real-time signals have no name", () => {
  assert.equal(linuxSignalNumber(0), undefined);
  assert.equal(linuxSignalNumber(65), undefined);
  assert.equal(linuxSignalNumber(1.5), undefined);
  assert.equal(linuxSignalNumber("SIGBREAK"), undefined);
  assert.equal(linuxSignalNumber(34), 34);
  assert.equal(linuxSignalName(34), null);
});
