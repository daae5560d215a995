import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { findQemu } from "../../../src/backends/qemu/find-qemu.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";

/** A process that has the log of a VM open, as one that is about to become QEMU has. */
async function holder(t: TestContext, vmDir: string, flags: "a" | "r"): Promise<number> {
  closeSync(openSync(join(vmDir, "vmm.log"), "a"));
  const log = openSync(join(vmDir, "vmm.log"), flags);
  const child = spawn("sleep", ["60"], { stdio: ["ignore", "ignore", "ignore", log] });
  closeSync(log);
  t.after(() => child.kill("SIGKILL"));
  await once(child, "spawn");
  return child.pid ?? 0;
}

describe(
  "a QEMU that nobody has recorded",
  { skip: process.platform === "linux" ? false : "there is no /proc" },
  () => {
    test("is found before it is one, by the log that it writes", async (t) => {
      const vmDir = temporaryDir(t);
      const pid = await holder(t, vmDir, "a");
      assert.equal(findQemu({ vmDir, socketDir: join(vmDir, "sockets") })?.pid, pid);
    });

    test("is not whoever reads the log", async (t) => {
      const vmDir = temporaryDir(t);
      await holder(t, vmDir, "r");
      assert.equal(findQemu({ vmDir, socketDir: join(vmDir, "sockets") }), undefined);
    });
  },
);
