import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { runCli, startCli } from "../support/cli.ts";
import { assertNothingLeft, processesNaming } from "../support/data-dir-state.ts";
import { testDataDir } from "../support/vm-fixture.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

describe("smolvm run", () => {
  test("--rm passes on stdout, stderr and the exit code, and leaves nothing", async (t) => {
    const dataDir = testDataDir(t);
    const { exitCode, stdout, stderr } = await runCli(dataDir, [
      ...["run", "--rm", "-e", "A=b c", "--memory", "256", "--"],
      ...["sh", "-c", 'echo "$A $1"; echo complaint >&2; exit 3', "sh", "--json"],
    ]);
    assert.equal(exitCode, 3);
    assert.equal(stdout, "b c --json\n");
    assert.match(stderr, /^complaint$/m);
    await assertNothingLeft(dataDir);
  });

  test("without --rm keeps the VM, stopped, and says how to go on", async (t) => {
    const dataDir = testDataDir(t);
    const { exitCode, stderr } = await runCli(dataDir, [
      "run",
      "--id",
      "keeper",
      "--",
      "sh",
      "-c",
      "echo kept > /root/note",
    ]);
    assert.equal(exitCode, 0);
    assert.match(
      stderr,
      /kept keeper \(stopped\); start it with `smolvm start keeper`, delete it with `smolvm rm keeper`/,
    );
    assert.equal((await runCli(dataDir, ["ls", "--status", "stopped", "-q"])).stdout, "keeper\n");
    assert.equal((await runCli(dataDir, ["start", "keeper"])).stdout, "keeper\n");
    assert.equal((await runCli(dataDir, ["exec", "keeper", "cat", "/root/note"])).stdout, "kept\n");
    assert.equal((await runCli(dataDir, ["rm", "keeper"])).stdout, "keeper\n");
  });

  test("passes output on as it comes, and SIGINT during the command ends it and leaves nothing, with 130", async (t) => {
    const dataDir = testDataDir(t);
    const cli = startCli(dataDir, ["run", "--", "sh", "-c", "echo begun; sleep 1000"]);
    await cli.printed("stdout", "begun\n");
    assert.equal(processesNaming(`${dataDir}/`).length, 1);
    cli.child.kill("SIGINT");
    const { exitCode, stdout } = await cli.result;
    assert.deepEqual([exitCode, stdout], [130, "begun\n"]);
    await assertNothingLeft(dataDir);
  });

  test("SIGINT during the boot leaves nothing, with 130, and SIGTERM the same with 143", async (t) => {
    const dataDir = testDataDir(t);
    for (const [signal, code] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const) {
      const cli = startCli(dataDir, ["run", "--", "true"]);
      while (processesNaming(`${dataDir}/`).length === 0) await sleep(5);
      cli.child.kill(signal);
      assert.equal((await cli.result).exitCode, code);
      await assertNothingLeft(dataDir);
    }
  });

  test("ends when nobody reads its output any more", async (t) => {
    const dataDir = testDataDir(t);
    const shell = spawn(
      "sh",
      ["-c", `"$0" "$@" | head -1`, process.execPath, MAIN, "--data-dir", dataDir, "run", "--rm", "--", "yes"],
      {
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    let stderr = "";
    shell.stderr.on("data", (text) => (stderr += String(text)));
    const [stdout] = (await once(shell.stdout, "data")) as [Buffer];
    assert.equal(String(stdout), "y\n");
    await once(shell, "close");
    assert.doesNotMatch(stderr, /should not have happened|EPIPE/);
    await assertNothingLeft(dataDir);
  });

  test("--json prints one object in the place of the output", async (t) => {
    const dataDir = testDataDir(t);
    const { exitCode, stdout } = await runCli(dataDir, [
      "run",
      "--rm",
      "--json",
      "--",
      "sh",
      "-c",
      "echo out; echo err >&2; exit 4",
    ]);
    assert.equal(exitCode, 4);
    const { vmId, ...result } = JSON.parse(stdout);
    assert.match(vmId, /^sbx-/);
    assert.deepEqual([result.exitCode, result.ok, result.stdout, result.stderr], [4, false, "out\n", "err\n"]);
  });

  test("a command that takes longer than --timeout gives 124, and a boot that does as well", async (t) => {
    const dataDir = testDataDir(t);
    const late = await runCli(dataDir, ["run", "--json", "--timeout", "500ms", "--", "sleep", "1000"]);
    assert.equal(late.exitCode, 124);
    const { error } = JSON.parse(late.stderr.trim().split("\n").at(-1) ?? "");
    assert.deepEqual([error.name, error.code], ["OperationTimeoutError", "TIMEOUT"]);
    await assertNothingLeft(dataDir);
    const boot = await runCli(dataDir, ["run", "--boot-timeout", "300ms", "--", "true"]);
    assert.equal(boot.exitCode, 124);
    assert.match(boot.stderr, /was not ready within 300 ms/);
    await assertNothingLeft(dataDir);
  });

  test("--timeout counts without --json as well", async (t) => {
    const dataDir = testDataDir(t);
    const { exitCode, stdout } = await runCli(dataDir, [
      "run",
      "--rm",
      "--timeout",
      "1s",
      "--",
      "sh",
      "-c",
      "echo begun; sleep 20",
    ]);
    assert.deepEqual([exitCode, stdout], [124, "begun\n"]);
  });

  test("takes wrong options for usage errors, before it makes anything", async (t) => {
    const dataDir = testDataDir(t);
    for (const args of [
      ["run", "--memory", "lots", "--", "true"],
      ["run", "--memory", "-1", "--", "true"],
      ["run", "--no-such-option", "--", "true"],
      ["run"],
      ["run", "-e", "novalue", "--", "true"],
      ["run", "--network", "tap5", "--", "true"],
      ["run", "--boot-timeout", "soon", "--", "true"],
    ]) {
      const { exitCode, stdout, stderr } = await runCli(dataDir, args);
      assert.equal(exitCode, 64, `${args.join(" ")}: ${stderr}`);
      assert.equal(stdout, "");
      assert.notEqual(stderr, "");
    }
    await assertNothingLeft(dataDir);
  });

  test("64 KiB and more pass a pipe without loss", (t) => {
    const dataDir = testDataDir(t);
    const script = "head -c 3000000 /dev/urandom > /dev/shm/a; sha256sum < /dev/shm/a >&2; cat /dev/shm/a";
    const output = execFileSync(
      "sh",
      [
        "-c",
        `"$0" "$@" 2>"$SUM" | sha256sum; cat "$SUM"; rm "$SUM"`,
        process.execPath,
        MAIN,
        "--data-dir",
        dataDir,
        "run",
        "--rm",
        "--",
        "sh",
        "-c",
        script,
      ],
      { encoding: "utf8", env: { ...process.env, SUM: `${dataDir}/sum` } },
    );
    const sums = output.match(/^[0-9a-f]{64}/gm) ?? [];
    assert.equal(sums.length, 2);
    assert.equal(sums[0], sums[1]);
  });
});
