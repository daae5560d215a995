import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { runCli } from "../support/cli.ts";
import { temporaryDir } from "../support/temporary-dir.ts";
import { sharedVM } from "../support/vm-fixture.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

describe("smolvm cp", () => {
  const shared = sharedVM();
  const cp = (...args: readonly string[]): ReturnType<typeof runCli> => runCli(shared.dataDir, ["cp", ...args]);
  const inVM = (path: string): string => `${shared.vm.vmId}:${path}`;
  /** A line of shell in which `$CP` is the command. */
  const shell = (line: string, cwd: string): { status: number | null; stdout: Buffer; stderr: string } => {
    const env = { ...process.env, CP: `${process.execPath} ${MAIN} --data-dir ${shared.dataDir} cp` };
    const result = spawnSync("/bin/bash", ["-c", line], { cwd, env, maxBuffer: 100_000_000 });
    return { status: result.status, stdout: result.stdout, stderr: result.stderr.toString() };
  };

  function tree(t: TestContext): string {
    const directory = temporaryDir(t);
    mkdirSync(join(directory, "src/inner"), { recursive: true });
    writeFileSync(join(directory, "src/one"), "1");
    writeFileSync(join(directory, "src/inner/two"), "22");
    symlinkSync("inner/two", join(directory, "src/link"));
    return directory;
  }

  test("copies a file to exactly the path, or into a directory that exists", async (t) => {
    const directory = tree(t);
    const { vm } = shared;
    for (const [destination, path] of [
      ["/root/new-name", "/root/new-name"],
      ["/root", "/root/one"],
      ["/srv/missing/", "/srv/missing/one"],
    ] as const) {
      const result = await cp(join(directory, "src/one"), inVM(destination));
      assert.deepEqual(result, { exitCode: 0, stdout: "", stderr: "" });
      assert.equal(await vm.files.readText(path), "1");
    }
    assert.equal((await cp(inVM("/root/new-name"), join(directory, "back"))).exitCode, 0);
    assert.equal((await cp(inVM("/root/new-name"), directory)).exitCode, 0);
    assert.deepEqual(readdirSync(directory).toSorted(), ["back", "new-name", "src"]);
  });

  test("copies directories, or with /. what is in them, and says what it did", async (t) => {
    const directory = tree(t);
    const { vm } = shared;
    const { stdout } = await cp(join(directory, "src"), inVM("/root/tree"), "--json", "--owner", "nobody");
    assert.deepEqual(JSON.parse(stdout), { files: 2, directories: 2, symlinks: 1, bytes: 3, skipped: [] });
    assert.equal((await vm.run("stat -c %U /root/tree/inner/two")).stdout, "nobody\n");
    await cp(join(directory, "src"), inVM("/root/tree"));
    assert.equal(await vm.files.exists("/root/tree/src/inner/two"), true);
    await cp(`${join(directory, "src")}/.`, inVM("/root/flat/"));
    assert.equal(await vm.files.readText("/root/flat/link"), "22");
    await vm.files.symlink("/etc/passwd", "/root/flat/way-out");
    const out = await cp(inVM("/root/flat"), join(directory, "out"));
    assert.match(out.stderr, /^smolvm: left out way-out: the symbolic link may lead outside/);
    assert.deepEqual(readdirSync(join(directory, "out")).toSorted(), ["inner", "link", "one"]);
    const quiet = await cp(inVM("/root/flat"), join(directory, "out"), "-q", "--symlinks", "all");
    assert.deepEqual([quiet.exitCode, quiet.stderr], [0, ""]);
    assert.equal(existsSync(join(directory, "out/flat/way-out")), true);
  });

  test("unpacks a tar archive from stdin, and writes one to stdout", async (t) => {
    const directory = tree(t);
    const { vm } = shared;
    writeFileSync(join(directory, "src/large"), Buffer.alloc(3_000_000, "0123456789"));
    assert.equal(shell(`tar -C src -c . | $CP - ${inVM("/root/unpacked")}`, directory).status, 0);
    assert.equal(
      (await vm.run("cat /root/unpacked/link; md5sum < /root/unpacked/large")).stdout.slice(0, 34),
      `22${md5(directory)}`,
    );
    const archive = shell(`$CP ${inVM("/root/unpacked")} -`, directory);
    assert.equal(archive.status, 0, archive.stderr);
    writeFileSync(join(directory, "archive.tar"), archive.stdout);
    execFileSync("tar", ["-x", "-f", "archive.tar"], { cwd: directory });
    assert.equal(readFileSync(join(directory, "unpacked/link"), "utf8"), "22");
    assert.ok(readFileSync(join(directory, "unpacked/large")).equals(readFileSync(join(directory, "src/large"))));
  });

  test("ends quietly when the reader of its archive goes", async (t) => {
    await shared.vm.run("head -c 30000000 /dev/urandom > /root/long");
    const result = shell(`$CP ${inVM("/root/long")} - | head -c 10 | wc -c; echo \${PIPESTATUS[0]}`, temporaryDir(t));
    assert.deepEqual([result.stdout.toString(), result.stderr], ["10\n141\n", ""]);
  });

  test("refuses an archive that leads out, or is none", async (t) => {
    const directory = tree(t);
    const out = shell(
      `tar -P -c ../${directory.split("/").at(-1)}/src/one | $CP - ${inVM("/root/refused")}`,
      directory,
    );
    assert.equal(out.status, 64);
    assert.match(out.stderr, /no name below a directory/);
    assert.equal(shell(`head -c 5000 /dev/urandom | $CP - ${inVM("/root/refused")}`, directory).status, 64);
  });

  test("ends with the exit code of what went wrong", async (t) => {
    const directory = tree(t);
    for (const [args, exitCode, message] of [
      [[join(directory, "none"), inVM("/root")], 64, /does not exist on this machine/],
      [[inVM("/none"), directory], 66, /failed in the guest: .*No such file/],
      [[inVM("/root"), inVM("/srv")], 64, /both in a VM/],
      [["a", "b"], 64, /neither/],
      [[directory, inVM("relative")], 64, /must be absolute/],
      [[directory, "no-such-vm:/root"], 66, /no VM has the id/],
      [[join(directory, "src"), inVM("/etc/hostname")], 74, /Not a directory/],
      [[join(directory, "src"), inVM("/root/x"), "--owner", "no-such-user"], 67, /user/],
    ] as const) {
      const result = await cp(...args);
      assert.equal(result.exitCode, exitCode, result.stderr);
      assert.match(result.stderr, message);
    }
  });

  test("is undone where Ctrl-C ends it: no half file is left", async (t) => {
    const directory = temporaryDir(t);
    await shared.vm.run("truncate -s 0 /root/long; head -c 60000000 /dev/urandom > /root/long");
    const child = spawn(process.execPath, [MAIN, "--data-dir", shared.dataDir, "cp", inVM("/root/long"), directory]);
    while (readdirSync(directory).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill("SIGINT");
    const [exitCode] = await once(child, "close");
    assert.equal(exitCode, 130);
    assert.deepEqual(readdirSync(directory), []);
  });
});

function md5(directory: string): string {
  return execFileSync("md5sum", [join(directory, "src/large")])
    .toString()
    .slice(0, 32);
}
