import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type CliResult, runCli, startCli } from "../support/cli.ts";
import { assertNothingLeft } from "../support/data-dir-state.ts";
import { testDataDir } from "../support/vm-fixture.ts";

describe("the verbs of the command line", () => {
  test("create, start, exec, inspect, ls, logs, stop and rm, for people and as JSON", async (t) => {
    const dataDir = testDataDir(t);
    const cli = async (...args: string[]): Promise<CliResult> => await runCli(dataDir, args);
    const json = async (...args: string[]): Promise<ReturnType<typeof JSON.parse>> => {
      const { exitCode, stdout, stderr } = await cli(...args);
      assert.equal(exitCode, 0, stderr);
      return JSON.parse(stdout);
    };

    assert.equal(
      (await cli("create", "--id", "one", "-e", "WHO=me", "--memory", "256", "--retain-disk")).stdout,
      "one\n",
    );
    const two = await json("create", "--json", "--id", "two", "--network", "none");
    assert.deepEqual([two.vmId, two.status, two.network], ["two", "created", null]);
    const inspected = await json("inspect", "one");
    assert.deepEqual(inspected.config.env, { WHO: "me" });
    assert.deepEqual([inspected.config.memoryMiB, inspected.config.retainDiskOnDelete], [256, true]);
    assert.match(inspected.logs.console, /console\.log$/);
    assert.equal((await cli("logs", "one")).stdout, "", "a VM that never booted has said nothing");

    const [started] = await json("start", "--json", "one");
    assert.equal(started.status, "running");
    const table = (await cli("ls")).stdout.split("\n");
    assert.match(table[0] ?? "", /^ID +STATUS +IMAGE +CPUS +MEMORY +ADDRESS +PID +CREATED$/);
    assert.match(
      table[1] ?? "",
      new RegExp(`^one +running +debian +1 +256 MiB +10\\.0\\.2\\.15 +${started.pid} +\\d+ s ago$`),
    );
    assert.match(table[2] ?? "", /^two +created +debian +1 +512 MiB +- +- +\d+ s ago$/);
    assert.equal((await cli("ls", "-q")).stdout, "one\ntwo\n");
    assert.deepEqual(
      (await json("ls", "--json")).map(({ vmId }: { vmId: string }) => vmId),
      ["one", "two"],
    );
    assert.equal((await cli("ls", "-q", "--status", "running")).stdout, "one\n");

    const executed = await cli(
      "exec",
      "-e",
      "B=c d",
      "-w",
      "/usr",
      "one",
      "sh",
      "-c",
      'echo "$WHO $B $PWD"; echo err >&2; exit 5',
    );
    assert.deepEqual([executed.exitCode, executed.stdout], [5, "me c d /usr\n"]);
    assert.match(executed.stderr, /^err$/m);
    const result = await cli("exec", "--json", "one", "--", "sh", "-c", "echo out; exit 6");
    assert.equal(result.exitCode, 6);
    const parsed = JSON.parse(result.stdout);
    assert.deepEqual([parsed.vmId, parsed.exitCode, parsed.stdout], ["one", 6, "out\n"]);
    assert.equal((await cli("exec", "one", "no-such-command")).exitCode, 127);
    assert.equal((await cli("exec", "one", "/etc/passwd")).exitCode, 126);
    assert.equal((await cli("exec", "one", "sh", "-c", "kill -TERM $$")).exitCode, 143);

    assert.match((await cli("logs", "one")).stdout, /smolvm-agent|Linux/);
    assert.equal((await cli("logs", "--vmm", "one")).exitCode, 0);
    assert.deepEqual(Object.keys(await json("logs", "--json", "one")), ["console", "vmm"]);

    assert.equal((await cli("stop", "one")).stdout, "one\n");
    assert.deepEqual(
      (await json("stop", "--json", "one", "two")).map(({ status }: { status: string }) => status),
      ["stopped", "created"],
    );
    assert.equal((await cli("rm", "one")).stdout, "one\n");
    assert.deepEqual(await json("rm", "--json", "two"), { deleted: ["two"] });
    assert.equal((await cli("ls", "-q")).stdout, "");
    // one's disk was to be kept; a VM that takes it up and does not keep it ends it.
    await cli("create", "--id", "one");
    await cli("rm", "one");
    await assertNothingLeft(dataDir);
  });

  test("SIGINT to exec ends the command in the guest, not the VM, with 130", async (t) => {
    const dataDir = testDataDir(t);
    await runCli(dataDir, ["create", "--id", "vm"]);
    await runCli(dataDir, ["start", "vm"]);
    const cli = startCli(dataDir, ["exec", "vm", "sh", "-c", "echo begun; sleep 1000; : interrupt-marker"]);
    await cli.printed("stdout", "begun");
    cli.child.kill("SIGINT");
    assert.equal((await cli.result).exitCode, 130);
    let found = "?";
    for (let tries = 0; tries < 20 && found !== ""; tries++) {
      ({ stdout: found } = await runCli(dataDir, ["exec", "vm", "pgrep", "-f", "[i]nterrupt-marker"]));
      await sleep(50);
    }
    assert.equal(found, "");
    await runCli(dataDir, ["rm", "vm"]);
  });

  test("logs --follow prints what is added, until SIGINT", async (t) => {
    const dataDir = testDataDir(t);
    await runCli(dataDir, ["create", "--id", "vm"]);
    await runCli(dataDir, ["start", "vm"]);
    const cli = startCli(dataDir, ["logs", "--follow", "vm"]);
    await cli.printed("stdout", "smolvm-agent");
    await runCli(dataDir, ["exec", "vm", "sh", "-c", "echo followed-line > /dev/ttyS0"]);
    await cli.printed("stdout", "followed-line");
    cli.child.kill("SIGINT");
    await cli.result;
    await runCli(dataDir, ["rm", "vm"]);
  });
});

describe("errors of the command line", () => {
  test("go to stderr with what to do, and have documented exit codes", async (t) => {
    const dataDir = testDataDir(t);
    await runCli(dataDir, ["create", "--id", "vm"]);
    for (const [code, exitCode, args] of [
      ["VM_NOT_FOUND", 66, ["start", "nobody"]],
      ["VM_NOT_FOUND", 66, ["rm", "nobody"]],
      ["VM_NOT_FOUND", 66, ["inspect", "nobody"]],
      ["VM_NOT_FOUND", 66, ["exec", "nobody", "true"]],
      ["VM_ALREADY_EXISTS", 73, ["create", "--id", "vm"]],
      ["INVALID_STATE", 75, ["exec", "vm", "true"]],
      ["INVALID_OPTION", 64, ["create", "--memory", "lots"]],
      ["INVALID_OPTION", 64, ["ls", "--status", "asleep"]],
      ["IMAGE_NOT_FOUND", 66, ["create", "--image", "no-such-image"]],
      ["IMAGE_NOT_FOUND", 66, ["image", "inspect", "no-such-image"]],
      ["INVALID_PATH", 64, ["create", "--kernel", "/no/such", "--rootfs", "/no/such"]],
    ] as const) {
      const people = await runCli(dataDir, args);
      assert.equal(people.exitCode, exitCode, `${args.join(" ")}: ${people.stderr}`);
      assert.equal(people.stdout, "");
      assert.match(people.stderr, new RegExp(`^smolvm: .+\n  hint: .+\\(${code}\\)\n$`));
      const [verb = "", ...rest] = args;
      const withJson = verb === "image" ? [verb, rest[0] ?? "", "--json", ...rest.slice(1)] : [verb, "--json", ...rest];
      const programs = await runCli(dataDir, withJson);
      assert.equal(programs.exitCode, exitCode, programs.stderr);
      assert.equal(programs.stdout, "");
      const { error } = JSON.parse(programs.stderr);
      assert.equal(error.code, code);
      assert.deepEqual(Object.keys(error), ["name", "code", "message", "hint", "details"]);
    }
    await runCli(dataDir, ["rm", "vm"]);
  });

  test("a `--json` that belongs to the guest's command does not change them", async (t) => {
    const dataDir = testDataDir(t);
    const { stderr } = await runCli(dataDir, ["exec", "nobody", "tool", "--json"]);
    assert.match(stderr, /^smolvm: no VM has the id "nobody"\n {2}hint: /);
  });

  test("an unknown verb is a usage error; help and version are none", async (t) => {
    const dataDir = testDataDir(t);
    assert.equal((await runCli(dataDir, ["no-such-verb"])).exitCode, 64);
    assert.equal((await runCli(dataDir, [])).exitCode, 64);
    const help = await runCli(dataDir, ["--help"]);
    assert.equal(help.exitCode, 0);
    for (const verb of [
      "run",
      "create",
      "start",
      "stop",
      "rm",
      "ls",
      "inspect",
      "exec",
      "logs",
      "image",
      "doctor",
      "setup",
    ]) {
      assert.match(help.stdout, new RegExp(`^  ${verb}\\b`, "m"));
    }
    assert.match((await runCli(dataDir, ["--version"])).stdout, /^\d+\.\d+\.\d+\n$/);
  });
});

describe("smolvm doctor and image", () => {
  test("doctor says of everything what it is for, and what executes guests", async (t) => {
    const dataDir = testDataDir(t);
    const { stdout } = await runCli(dataDir, ["doctor"]);
    assert.match(stdout, /^ok +node \d+\.\d+\.\d+: runs SmolVM$/m);
    assert.match(stdout, /^ok +qemu-system-\S+ \d+\.\d+\S*: runs the VMs\n +comes with: .*install/m);
    assert.match(stdout, /^accelerator +(kvm|hvf|tcg)\b.*: ./m);
    const report = JSON.parse((await runCli(dataDir, ["doctor", "--json"])).stdout);
    assert.ok(report.prerequisites.every(({ name, use }: { name: string; use: string }) => name !== "" && use !== ""));
    assert.match(report.accelerator.accelerator, /^(kvm|hvf|tcg)$/);
  });

  test("doctor says what is missing, how to install it, and exits with 69", async (t) => {
    const dataDir = testDataDir(t);
    const { exitCode, stdout } = await runCli(dataDir, ["doctor"], { PATH: "/nonexistent" });
    assert.equal(exitCode, 69);
    assert.match(stdout, /^MISSING +qemu-system-\S+: runs the VMs\n +not found\n +install it with: .+$/m);
  });

  test("image ls and image inspect tell what there is", async (t) => {
    const dataDir = testDataDir(t);
    const { stdout } = await runCli(dataDir, ["image", "ls"]);
    assert.match(stdout, /^NAME +ID +SOURCE +KERNEL +SIZE +CREATED\n/);
    assert.match(stdout, /^debian +[0-9a-f]{12} +/m);
    const images = JSON.parse((await runCli(dataDir, ["image", "ls", "--json"])).stdout);
    assert.ok(images.some(({ name }: { name: string }) => name === "debian"));
    const image = JSON.parse((await runCli(dataDir, ["image", "inspect", "debian"])).stdout);
    assert.deepEqual([image.name, image.id.length], ["debian", 64]);
    assert.match(image.rootfsPath, /rootfs/);
  });
});
