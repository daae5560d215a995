import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  identifyProcess,
  identifySelf,
  isProcessAlive,
  signalProcess,
  waitForProcessEnd,
} from "../../../src/process/process-identity.ts";

describe("the identity of a process", () => {
  test("this process is alive, and is the one that its pid names", () => {
    assert.deepEqual(identifyProcess(process.pid), identifySelf());
    assert.ok(isProcessAlive(identifySelf()));
  });

  test("a pid that belongs to another process by now counts as dead, and is not signalled", () => {
    const reused = { pid: process.pid, birth: "00000000:1" };
    assert.equal(isProcessAlive(reused), false);
    // It would end this very process.
    assert.equal(signalProcess(reused, "SIGKILL"), false);
  });

  test("a process that has ended is no process", async () => {
    const child = spawn("true");
    const identity = identifyProcess(child.pid ?? 0);
    await once(child, "exit");
    assert.equal(identifyProcess(child.pid ?? 0), undefined);
    if (identity !== undefined) assert.equal(isProcessAlive(identity), false);
  });

  test("a zombie is no process", async (t) => {
    // `sleep` has taken the place of the shell whose child ended, and reaps nobody.
    const parent = spawn("sh", ["-c", "sh -c 'echo $$' & exec sleep 60"], { stdio: ["ignore", "pipe", "ignore"] });
    t.after(() => parent.kill("SIGKILL"));
    const [pid] = (await once(parent.stdout, "data")) as [Buffer];
    const stat = `/proc/${Number(String(pid))}/stat`;
    while (!readFileSync(stat, "utf8").includes(") Z ")) await sleep(5);
    assert.equal(identifyProcess(Number(String(pid))), undefined);
  });

  test("a name with brackets and spaces is read over", async (t) => {
    const child = spawn("sh", ["-c", 'printf ") Z (" > /proc/$$/comm; echo named; read line'], { stdio: "pipe" });
    t.after(() => child.kill("SIGKILL"));
    await once(child.stdout, "data");
    assert.match(readFileSync(`/proc/${child.pid}/comm`, "utf8"), /\) Z \(/);
    assert.match(identifyProcess(child.pid ?? 0)?.birth ?? "", /^[0-9a-f]{8}:\d+$/);
  });

  test("waiting ends with the process, with the deadline, or with the signal", async (t) => {
    const child = spawn("sleep", ["60"]);
    t.after(() => child.kill("SIGKILL"));
    const identity = identifyProcess(child.pid ?? 0);
    assert.ok(identity);
    assert.equal(await waitForProcessEnd(identity, { timeoutMs: 20 }), false);
    const reason = new Error("enough");
    await assert.rejects(waitForProcessEnd(identity, { timeoutMs: 60_000, signal: AbortSignal.abort(reason) }), reason);
    assert.equal(signalProcess(identity, "SIGTERM"), true);
    assert.equal(await waitForProcessEnd(identity, { timeoutMs: 10_000 }), true);
  });
});
