import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { runCli } from "../support/cli.ts";
import { sharedVM } from "../support/vm-fixture.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

describe("smolvm exec", () => {
  const shared = sharedVM({ memoryMiB: 256 });
  const exec = (...args: string[]): string[] => [MAIN, "--data-dir", shared.dataDir, "exec", ...args];

  test("hands a pipe on as stdin, every byte of it and its end", () => {
    const input = randomBytes(3_000_000);
    const { stdout, status } = spawnSync(process.execPath, exec(shared.vm.vmId, "--", "cat"), {
      input,
      maxBuffer: 10_000_000,
    });
    assert.equal(status, 0);
    assert.ok(input.equals(stdout));
  });

  test("stands in a pipeline", () => {
    const line = `seq 1000 | "$0" "$@" | tail -1`;
    const { stdout } = spawnSync("sh", ["-c", line, process.execPath, ...exec(shared.vm.vmId, "--", "wc", "-l")]);
    assert.equal(String(stdout).trim(), "1000");
  });

  test("ends with its command, although nobody reads or ends its stdin", async () => {
    for (const command of ["echo done", "exec 0<&-; echo done", "head -c 1 > /dev/null; echo done"]) {
      const child = spawn(process.execPath, exec(shared.vm.vmId, "--", "sh", "-c", command), {
        stdio: ["pipe", "pipe", "inherit"],
      });
      child.stdin.on("error", () => {});
      child.stdin.write("x".repeat(1_000_000));
      const [output] = (await once(child.stdout, "data")) as [Buffer];
      assert.equal(String(output), "done\n");
      const [exitCode] = await once(child, "close");
      assert.equal(exitCode, 0);
      child.stdin.destroy();
    }
  });

  test("takes a user, a directory and variables", async () => {
    const { stdout, exitCode } = await runCli(shared.dataDir, [
      ...["exec", "-u", "1234:5678", "-w", "/usr", "-e", "A=b c", shared.vm.vmId, "--"],
      ...["sh", "-c", 'id -u; id -g; pwd; echo "$A"'],
    ]);
    assert.deepEqual([exitCode, stdout], [0, "1234\n5678\n/usr\nb c\n"]);
    const unknown = await runCli(shared.dataDir, ["exec", "-u", "no-one", shared.vm.vmId, "--", "true"]);
    assert.equal(unknown.exitCode, 67);
    assert.match(unknown.stderr, /the guest has no user "no-one"/);
  });

  test("says of a command line in one word what it is taken for", async () => {
    const { exitCode, stderr } = await runCli(shared.dataDir, ["exec", shared.vm.vmId, "--", "ls -l"]);
    assert.equal(exitCode, 127);
    assert.match(stderr, /\["ls","-l"\]/);
  });

  test("--json brings what a command makes of its stdin", () => {
    const { stdout } = spawnSync(process.execPath, exec("--json", shared.vm.vmId, "--", "rev"), { input: "abc\n" });
    assert.equal(JSON.parse(String(stdout)).stdout, "cba\n");
  });
});
