import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { isProcessAlive, signalProcess } from "../../../src/process/process-identity.ts";
import { spawnDetached } from "../../../src/process/spawn-detached.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";

describe("spawnDetached", () => {
  test("output is appended to a log that only its owner reads", async (t) => {
    const cwd = temporaryDir(t);
    const logPath = join(cwd, "log");
    for (const word of ["one", "two"]) {
      const { ended } = await spawnDetached(["sh", "-c", `echo ${word}; echo ${word} >&2`], { logPath, cwd });
      assert.deepEqual(await ended, { exitCode: 0, signal: null });
    }
    assert.equal(readFileSync(logPath, "utf8"), "one\none\ntwo\ntwo\n");
    assert.equal(statSync(logPath).mode & 0o777, 0o600);
  });

  test("the environment is not handed on, but for PATH", async (t) => {
    const cwd = temporaryDir(t);
    process.env["SMOLVM_TEST_TOKEN"] = "secret";
    t.after(() => delete process.env["SMOLVM_TEST_TOKEN"]);
    const { ended } = await spawnDetached(["/usr/bin/env"], { logPath: join(cwd, "log"), cwd });
    await ended;
    const names = readFileSync(join(cwd, "log"), "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split("=")[0]);
    assert.deepEqual(new Set(names), new Set(["LANG", "PATH"]));
  });

  test("it is a session of its own, in its own directory, and does not read from the terminal", async (t) => {
    const cwd = temporaryDir(t);
    const script = 'cut -d" " -f1,6 /proc/$$/stat; pwd; readlink /proc/$$/fd/0';
    const { ended } = await spawnDetached(["sh", "-c", script], { logPath: join(cwd, "log"), cwd });
    await ended;
    const [ids = "", directory, input] = readFileSync(join(cwd, "log"), "utf8").split("\n");
    const [pid, session] = ids.split(" ");
    assert.equal(session, pid);
    assert.equal(directory, cwd);
    assert.equal(input, "/dev/null");
  });

  test("file descriptor 3 is a socket to its creator", async (t) => {
    const cwd = temporaryDir(t);
    const { control, ended } = await spawnDetached(["sh", "-c", "read line <&3; echo got $line >&3"], {
      logPath: join(cwd, "log"),
      cwd,
    });
    control.ref();
    control.write("hello\n");
    assert.equal(String((await once(control, "data"))[0]), "got hello\n");
    control.destroy();
    await ended;
  });

  test("a process is known by its identity, and how it ended is told", async (t) => {
    const cwd = temporaryDir(t);
    const { identity, ended } = await spawnDetached(["sleep", "60"], { logPath: join(cwd, "log"), cwd });
    assert.ok(isProcessAlive(identity));
    signalProcess(identity, "SIGKILL");
    assert.deepEqual(await ended, { exitCode: null, signal: "SIGKILL" });
    assert.equal(isProcessAlive(identity), false);
  });

  test("a program that is not there, or cannot be executed, is a typed error", async (t) => {
    const cwd = temporaryDir(t);
    const options = { logPath: join(cwd, "log"), cwd };
    await assert.rejects(spawnDetached(["no-such-program"], options), {
      name: "HostError",
      code: "PREREQUISITE_MISSING",
    });
    writeFileSync(join(cwd, "text"), "text");
    await assert.rejects(spawnDetached([join(cwd, "text")], options), { name: "HostError", code: "VMM_FAILED" });
  });
});
