import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { runProgram } from "../../../src/process/run-program.ts";

describe("runProgram", () => {
  test("passes arguments as they are, without a shell", async () => {
    const odd = ["a b", "$HOME", '"', "'", "", "new\nline", "*"];
    const { stdout } = await runProgram(["printf", "[%s]", ...odd]);
    assert.equal(stdout, odd.map((argument) => `[${argument}]`).join(""));
  });

  test("an exit code is a value, and stdout and stderr stay apart", async () => {
    assert.deepEqual(await runProgram(["sh", "-c", "echo out; echo err >&2; exit 3"]), {
      exitCode: 3,
      stdout: "out\n",
      stderrTail: "err\n",
    });
  });

  test("of stderr the last 16 KiB are kept", async () => {
    const { stderrTail } = await runProgram(["sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x >&2; printf end >&2"]);
    assert.equal(stderrTail.length, 16 * 1024);
    assert.match(stderrTail, /xend$/);
  });

  test("lines come one by one as they are written, and stdin is read", async () => {
    const lines: string[] = [];
    const { stdout } = await runProgram(["cat"], { stdin: "one\ntwo\n", onLine: (line) => lines.push(line) });
    assert.deepEqual(lines, ["one", "two"]);
    assert.equal(stdout, "one\ntwo\n");
  });

  test("a program that does not read its input is no failure", async () => {
    assert.equal((await runProgram(["true"], { stdin: "x".repeat(1_000_000) })).exitCode, 0);
  });

  test("a program that is not installed is a typed error", async () => {
    await assert.rejects(runProgram(["no-such-program"]), {
      name: "HostError",
      code: "PREREQUISITE_MISSING",
      message: 'the program "no-such-program" is not installed',
    });
  });

  test("the signal ends the whole process group, and its reason is thrown", async () => {
    const reason = new Error("enough");
    const controller = new AbortController();
    let child = 0;
    const running = runProgram(["sh", "-c", "sleep 60 & echo $!; wait"], {
      signal: controller.signal,
      onLine: (line) => {
        child = Number(line);
        controller.abort(reason);
      },
    });
    await assert.rejects(running, reason);
    const isAlive = (): boolean => {
      try {
        return process.kill(child, 0);
      } catch {
        return false; // the answer
      }
    };
    for (let tries = 0; tries < 200 && isAlive(); tries++) await sleep(10);
    assert.equal(isAlive(), false);
  });

  test("nothing is started once the signal has fired", async () => {
    const reason = new Error("too late");
    await assert.rejects(runProgram(["no-such-program"], { signal: AbortSignal.abort(reason) }), reason);
  });
});
