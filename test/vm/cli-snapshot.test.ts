import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type CliResult, runCli, startCli } from "../support/cli.ts";
import { assertNothingLeft, filesIn } from "../support/data-dir-state.ts";
import { temporaryDir } from "../support/temporary-dir.ts";

/** Counts in a file, ten times a second, for as long as the VM's processes live. */
const COUNT = "i=0; while :; do i=$((i+1)); echo $i > /dev/shm/count; sleep 0.1; done";

describe("the command line", () => {
  after(async () => {
    await assertNothingLeft(dataDir);
    assert.deepEqual(
      filesIn(dataDir, "layers").filter((name) => name !== ".locks"),
      [],
    );
  });
  const dataDir = temporaryDir({ after }, "v-");
  const cli = async (...args: string[]): Promise<CliResult> => await runCli(dataDir, args);
  /** What a command that must succeed prints. */
  const output = async (...args: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await cli(...args);
    assert.equal(exitCode, 0, stderr);
    return stdout.trimEnd();
  };
  const json = async (...args: string[]): Promise<ReturnType<typeof JSON.parse>> => JSON.parse(await output(...args));
  const sh = async (vmId: string, script: string): Promise<string> =>
    await output("exec", vmId, "--", "sh", "-c", script);
  /** Asserts that the counter goes on in a VM, and not from its beginning. */
  const assertCounts = async (vmId: string): Promise<void> => {
    const script = "cat /dev/shm/count; sleep 0.5; cat /dev/shm/count";
    const [first = 0, second = 0] = (await sh(vmId, script)).split("\n").map(Number);
    assert.ok(first > 5 && second > first, `${vmId} counted ${first}, then ${second}`);
  };

  before(async () => {
    await output("create", "--id", "source", "--memory", "192", "-e", "WHO=source");
    await output("start", "source");
    await output("exec", "-d", "source", "--", "sh", "-c", COUNT);
    await sh("source", "echo kept > /root/note; sleep 1");
  });

  test("saves a VM, lists what was saved, and makes VMs from it that go on", async () => {
    const id = await output("snapshot", "create", "source", "--name", "one");
    assert.match(id, /^snap-\w{10}$/);
    const table = (await output("snapshot", "ls")).split("\n");
    assert.match(table[0] ?? "", /^ID +NAME +VM +HOLDS +SIZE +CREATED$/);
    assert.match(table[1] ?? "", new RegExp(`^${id} +one +source +memory, disk +\\d+ MiB +\\d+ s ago$`));
    const inspected = await json("snapshot", "inspect", "one");
    assert.deepEqual(
      [inspected.id, inspected.vmId, inspected.includesMemory, inspected.config.env],
      [id, "source", true, { WHO: "source" }],
    );
    assert.ok(inspected.pauseMs > 0);
    assert.deepEqual(await json("snapshot", "ls", "--json"), [inspected]);
    assert.equal(await output("snapshot", "ls", "-q", "--vm", "source"), id);
    assert.equal(await output("snapshot", "ls", "-q", "--vm", "other"), "");

    assert.equal(await output("snapshot", "restore", "one", "--id", "copy-1"), "copy-1");
    const second = await json("snapshot", "restore", id, "--id", "copy-2", "-e", "WHO=copy", "--json");
    assert.deepEqual([second.vmId, second.status, second.startedFrom], ["copy-2", "running", "snapshot"]);
    for (const vmId of ["copy-1", "copy-2", "source"]) await assertCounts(vmId);
    assert.equal(await sh("copy-1", "cat /root/note; hostname; echo $WHO"), "kept\ncopy-1\nsource");
    assert.equal(await sh("copy-2", "cat /root/note; hostname; echo $WHO"), "kept\ncopy-2\ncopy");
  });

  test("deletes a snapshot whose VMs live on, and start again", async () => {
    assert.match(await output("snapshot", "rm", "one"), /^snap-/);
    assert.equal(await output("snapshot", "ls", "-q"), "");
    await assertCounts("copy-1");
    await output("stop", "copy-2");
    await output("start", "copy-2");
    assert.equal(await sh("copy-2", "cat /root/note"), "kept");
    await output("rm", "copy-1", "copy-2");
  });

  test("stops a VM with its memory, and starts it where it was", async () => {
    const countBefore = Number(await sh("source", "cat /dev/shm/count"));
    assert.equal(await output("stop", "--keep-memory", "source"), "source");
    assert.equal((await json("inspect", "source")).status, "stopped");
    const [started] = await json("start", "--json", "source");
    assert.equal(started.startedFrom, "hibernation");
    assert.ok(Number(await sh("source", "cat /dev/shm/count")) >= countBefore);
    await assertCounts("source");
  });

  test("forks a VM, as often as it is asked, under ids of one's choice", async () => {
    const ids = (await output("fork", "source", "--count", "3")).split("\n");
    assert.equal(ids.length, 3);
    for (const id of ids) await assertCounts(id);
    await output("rm", ...ids);
    const named = await json("fork", "source", "--name", "left", "--name", "right", "--json");
    assert.deepEqual(
      named.map(({ vmId, startedFrom }: Record<string, string>) => [vmId, startedFrom]),
      [
        ["left", "fork"],
        ["right", "fork"],
      ],
    );
    await output("rm", "left", "right");
  });

  test("prints the forks that came to be, says of the others why not, and fails", async () => {
    const { exitCode, stdout, stderr } = await cli("fork", "source", "--count", "2", "--boot-timeout", "1ms");
    assert.deepEqual([exitCode, stdout], [124, ""]);
    assert.equal(stderr.match(/\(TIMEOUT\)/g)?.length, 2);
    const programs = await cli("fork", "source", "--json", "--boot-timeout", "1ms");
    assert.deepEqual([programs.exitCode, JSON.parse(programs.stdout)], [124, []]);
    assert.match(programs.stderr, /^\{"error":\{.*"code":"TIMEOUT"/m);
    assert.equal(await output("ls", "-q"), "source");
  });

  test("saves the disk alone, from which VMs boot", async () => {
    const saved = await json("snapshot", "create", "source", "--disk-only", "--json");
    assert.deepEqual([saved.name, saved.includesMemory], [null, false]);
    assert.match(await output("snapshot", "ls"), / source +disk +/);
    const booted = await json("snapshot", "restore", saved.id, "--id", "booted", "--network", "none", "--json");
    assert.deepEqual([booted.startedFrom, booted.network], ["cold", null]);
    assert.equal(await sh("booted", "cat /root/note; ls /dev/shm"), "kept");
    await output("rm", "booted");
    assert.deepEqual(await json("snapshot", "rm", "--json", saved.id), { deleted: [saved.id] });
  });

  test("ends an interrupted restore without a trace", async () => {
    await output("snapshot", "create", "source", "--name", "one");
    const restoring = startCli(dataDir, ["snapshot", "restore", "one", "--id", "never"]);
    const startedMs = performance.now();
    while (!(await output("ls", "-q")).includes("never") && performance.now() - startedMs < 10_000);
    restoring.child.kill("SIGINT");
    const { exitCode, stdout } = await restoring.result;
    // It may have been done by then, and on its way out: then the signal finds nobody who handles it any more.
    const isDone = stdout === "never\n" && (exitCode === 0 || exitCode === null);
    assert.ok(isDone || (exitCode === 130 && stdout === ""), `${exitCode} ${stdout}`);
    if (isDone) await output("rm", "never");
    assert.equal(await output("ls", "-q"), "source");
  });

  test("says what is wrong, with documented exit codes", async () => {
    await output("create", "--id", "idle");
    for (const [code, exitCode, args] of [
      ["VM_NOT_FOUND", 66, ["snapshot", "create", "nobody"]],
      ["VM_NOT_FOUND", 66, ["fork", "nobody"]],
      ["SNAPSHOT_NOT_FOUND", 66, ["snapshot", "inspect", "nothing"]],
      ["SNAPSHOT_NOT_FOUND", 66, ["snapshot", "restore", "nothing"]],
      ["SNAPSHOT_NOT_FOUND", 66, ["snapshot", "rm", "nothing"]],
      ["SNAPSHOT_NOT_FOUND", 66, ["snapshot", "export", "nothing", "/tmp/nothing"]],
      ["SNAPSHOT_ALREADY_EXISTS", 73, ["snapshot", "create", "source", "--name", "one"]],
      ["VM_ALREADY_EXISTS", 73, ["snapshot", "restore", "one", "--id", "source"]],
      ["VM_ALREADY_EXISTS", 73, ["fork", "source", "--name", "fresh", "--name", "idle"]],
      ["INVALID_STATE", 75, ["fork", "idle"]],
      ["INVALID_OPTION", 64, ["fork", "source", "--count", "many"]],
      ["INVALID_OPTION", 64, ["fork", "source", "--count", "0"]],
      ["INVALID_OPTION", 64, ["snapshot", "create", "source", "--name", "A B"]],
      ["INVALID_OPTION", 64, ["snapshot", "restore", "one", "-e", "NOTHING"]],
      ["INVALID_OPTION", 64, ["snapshot", "restore", "one", "--boot-timeout", "soon"]],
      ["INVALID_PATH", 64, ["snapshot", "import", "/no/such/file"]],
      ["INVALID_PATH", 64, ["snapshot", "export", "one", "/no/such/directory/file"]],
    ] as const) {
      const { exitCode: came, stdout, stderr } = await cli(...args);
      assert.deepEqual([came, stdout], [exitCode, ""], `${args.join(" ")}: ${stderr}`);
      assert.match(stderr, new RegExp(`^smolvm: .+\n  hint: .+\\(${code}\\)\n$`), args.join(" "));
    }
    assert.equal(await output("ls", "-q"), "source\nidle");
    await output("snapshot", "rm", "one");
    await output("rm", "idle", "source");
  });
});
