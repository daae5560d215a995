import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { sharedVM } from "../support/vm-fixture.ts";

describe("run()", () => {
  const shared = sharedVM({ env: { OF_VM: "of the VM" } });

  test("gives a string to a shell, and tells how it ended and what it wrote", async () => {
    const result = await shared.vm.run("echo out; echo err >&2; exit 3");
    assert.deepEqual([result.exitCode, result.ok, result.signal], [3, false, null]);
    assert.deepEqual([result.stdout, result.stderr, result.output], ["out\n", "err\n", "out\nerr\n"]);
    assert.ok(Object.isFrozen(result));
  });

  test("executes a list as it is, without a shell", async () => {
    const odd = ["a b", "$HOME", '"', "'", "", "new\nline", "*", "; exit 9", "ünï", "--"];
    const { stdout } = await shared.vm.run(["printf", "[%s]", ...odd]);
    assert.equal(stdout, odd.map((argument) => `[${argument}]`).join(""));
  });

  test("a command that is not there gives 127, one that cannot be executed 126, one ended by a signal 128 + n", async () => {
    assert.equal((await shared.vm.run("no-such-command")).exitCode, 127);
    assert.equal((await shared.vm.run(["no-such-command"])).exitCode, 127);
    assert.equal((await shared.vm.run(["/etc/passwd"])).exitCode, 126);
    assert.equal((await shared.vm.run(["/etc"])).exitCode, 126);
    const killed = await shared.vm.run(["sh", "-c", "kill -KILL $$"]);
    assert.deepEqual([killed.exitCode, killed.signal, killed.ok], [137, "SIGKILL", false]);
  });

  test("keeps every byte of both streams", async () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
    const script = "import sys; b = bytes(range(256)); sys.stdout.buffer.write(b); sys.stderr.buffer.write(b[::-1])";
    const { stdoutBytes, stderrBytes } = await shared.vm.run(["python3", "-c", script]);
    assert.deepEqual([...stdoutBytes], [...all]);
    assert.deepEqual([...stderrBytes], [...all].toReversed());
  });

  test("50 MB of binary output arrive as they were written", async () => {
    const result = await shared.vm.run(
      "head -c 50000000 /dev/urandom > /dev/shm/big; sha256sum /dev/shm/big >&2; cat /dev/shm/big; rm /dev/shm/big",
    );
    assert.equal(result.stdoutBytes.length, 50_000_000);
    assert.equal(createHash("sha256").update(result.stdoutBytes).digest("hex"), result.stderr.split(" ")[0]);
  });

  test("5 MB of input arrive as they were sent", async () => {
    const stdin = Buffer.alloc(5_000_000);
    for (let at = 0; at < stdin.length; at += 4) stdin.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
    const { stdout } = await shared.vm.run("sha256sum", { stdin });
    assert.equal(stdout.split(" ")[0], createHash("sha256").update(stdin).digest("hex"));
  });

  test("without input a command reads an end of file at once", async () => {
    assert.equal((await shared.vm.run("cat; echo done")).stdout, "done\n");
  });

  test("a command that does not read its input is no failure", async () => {
    assert.equal((await shared.vm.run("exit 7", { stdin: "x".repeat(3_000_000) })).exitCode, 7);
  });

  test("cwd is where the command runs", async () => {
    assert.equal((await shared.vm.run("pwd", { cwd: "/usr/lib" })).stdout, "/usr/lib\n");
    await assert.rejects(shared.vm.run("pwd", { cwd: "/no/such" }), {
      name: "ValidationError",
      code: "INVALID_PATH",
      message: /"\/no\/such"/,
    });
  });

  test("env is added to the VM's variables, is stronger than they, and is gone with the command", async () => {
    const odd = "two\nlines \"double\" 'single' $HOME \\ ü 🎉";
    const { stdout } = await shared.vm.run('printf %s "$ODD|$OF_VM|$HOME"', { env: { ODD: odd } });
    assert.equal(stdout, `${odd}|of the VM|/root`);
    assert.equal((await shared.vm.run("echo $OF_VM", { env: { OF_VM: "stronger" } })).stdout, "stronger\n");
    assert.equal((await shared.vm.run("echo $ODD$OF_VM")).stdout, "of the VM\n");
  });

  test("the host's environment is not handed on", async () => {
    process.env["SMOLVM_TEST_TOKEN"] = "secret";
    const { stdout } = await shared.vm.run("env");
    delete process.env["SMOLVM_TEST_TOKEN"];
    assert.doesNotMatch(stdout, /secret/);
    for (const name of ["PATH", "HOME", "USER", "LANG"]) assert.match(stdout, new RegExp(`^${name}=.`, "m"));
  });

  test("output comes while the command still runs", async () => {
    const first = Promise.withResolvers<string>();
    const running = shared.vm.run("echo first; while [ ! -e /dev/shm/go ]; do sleep 0.02; done; echo last >&2", {
      timeoutMs: 20_000,
      onStdout: (bytes) => first.resolve(Buffer.from(bytes).toString()),
    });
    // Only what is done after the first line has come lets the command end.
    assert.equal(await first.promise, "first\n");
    assert.ok((await shared.vm.run("touch /dev/shm/go")).ok);
    const { stdout, stderr } = await running;
    assert.deepEqual([stdout, stderr], ["first\n", "last\n"]);
  });

  test("a command that never ends streams until it is aborted", async () => {
    const controller = new AbortController();
    const reason = new Error("seen enough");
    let lines = 0;
    const running = shared.vm.run("while :; do echo line; sleep 0.05; done", {
      signal: controller.signal,
      onStdout: () => {
        lines++;
        if (lines === 3) controller.abort(reason);
      },
    });
    await assert.rejects(running, reason);
    assert.equal(lines, 3);
  });

  test("a background child does not hold the call, and lives on", async () => {
    const { stdout, exitCode } = await shared.vm.run("sleep 1000 & echo $!", { timeoutMs: 20_000 });
    assert.equal(exitCode, 0);
    assert.equal((await shared.vm.run(`cat /proc/${stdout.trim()}/comm; kill ${stdout.trim()}`)).stdout, "sleep\n");
  });

  test("a command that says nothing for a while is not cut", async () => {
    assert.equal((await shared.vm.run("sleep 5; echo late")).stdout, "late\n");
  });

  test("two hundred commands at once each return their own output", async () => {
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, index) => shared.vm.run(["sh", "-c", `echo ${index}; echo ${-index} >&2`])),
    );
    assert.deepEqual(
      results.map(({ stdout, stderr }) => [stdout, stderr]),
      results.map((_, index) => [`${index}\n`, `${-index}\n`]),
    );
  });

  test("what no guest could execute is refused before it is sent", async () => {
    for (const command of [[], ["a\0b"], [""]]) {
      await assert.rejects(shared.vm.run(command), { name: "ValidationError", code: "INVALID_OPTION" });
    }
    await assert.rejects(shared.vm.run("true", { timeoutMs: -1 }), { code: "INVALID_OPTION" });
    await assert.rejects(shared.vm.run("true", { env: { "A=B": "c" } }), { code: "INVALID_OPTION" });
    await assert.rejects(shared.vm.run("true", { cwd: "relative" }), { code: "INVALID_PATH" });
  });
});
