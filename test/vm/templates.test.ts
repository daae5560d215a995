import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync, chmodSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { SmolVM, SmolVMManager } from "../../src/index.ts";
import { startCli } from "../support/cli.ts";
import { assertNoProcess, assertNothingLeft, filesIn } from "../support/data-dir-state.ts";
import { temporaryDir } from "../support/temporary-dir.ts";
import { testDataDir } from "../support/vm-fixture.ts";

/** The templates that can be found in a data directory. */
const templatesIn = (dataDir: string): string[] =>
  filesIn(dataDir, "templates").filter((name) => !name.startsWith(".") && name.includes("-"));

async function warm(dataDir: string): Promise<string> {
  await using manager = new SmolVMManager({ dataDir });
  return (await manager.warm()).key;
}

describe("a VM that starts from a template", () => {
  after(async () => await assertNothingLeft(dataDir));
  const dataDir = temporaryDir({ after }, "v-");
  before(async () => {
    await warm(dataDir);
  });

  test("says so, has its own name and address, and takes another start as a boot", async () => {
    await using vm = await SmolVM.launch({ dataDir, vmId: "from-template", env: { GREETING: "hello" } });
    assert.equal(vm.info.startedFrom, "template");
    assert.deepEqual(
      vm.info.startPhases.map(({ name }) => name),
      ["vmm", "restore", "boot", "configure"],
    );
    const { stdout } = await vm.run(
      "hostname; cat /etc/hostname; echo $GREETING; cat /sys/class/net/eth0/address; ip -4 -o a",
    );
    const mac = vm.info.network?.guestMac ?? "";
    assert.ok(stdout.startsWith(`from-template\nfrom-template\nhello\n${mac}\n`), stdout);
    assert.match(stdout, /eth0 +inet 10\.0\.2\.15\/24/);
    await vm.run("echo kept > /root/note");
    await vm.stop();
    await vm.start();
    assert.equal(vm.info.startedFrom, "cold", "the disk has gone on");
    assert.equal((await vm.run("cat /root/note; hostname")).stdout, "kept\nfrom-template\n");
  });

  test("shares nothing with its siblings that must differ, and knows the time", async () => {
    const count = 8;
    const vms = await Promise.all(Array.from({ length: count }, () => SmolVM.launch({ dataDir, from: "template" })));
    try {
      const script = `head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n'; echo
        python3 -c 'import os; print(os.urandom(32).hex())'
        cat /etc/machine-id; hostname; cat /sys/class/net/eth0/address; date +%s.%N`;
      const answers = await Promise.all(
        vms.map(async (vm) => {
          const startMs = Date.now();
          const { stdout } = await vm.run(script);
          return { lines: stdout.trim().split("\n"), startMs, endMs: Date.now() };
        }),
      );
      for (const line of [0, 1, 2, 3, 4]) {
        const values = answers.map(({ lines }) => lines[line]);
        assert.equal(new Set(values).size, count, `line ${line} differs: ${values.join(" ")}`);
      }
      for (const { lines, startMs, endMs } of answers) {
        const guestMs = Number(lines[5]) * 1_000;
        assert.ok(guestMs > startMs - 50 && guestMs < endMs + 50, `${guestMs} is not in ${startMs} to ${endMs}`);
      }
    } finally {
      for (const vm of vms) await vm[Symbol.asyncDispose]();
    }
  });

  test("may have a larger disk than the template", async () => {
    await using vm = await SmolVM.launch({ dataDir, diskMiB: 6_000 });
    assert.equal(vm.info.startedFrom, "template");
    assert.ok(Number((await vm.run("df --output=size -m / | tail -1")).stdout) > 5_500);
  });

  test("boots where it is told to, where there is no template of its shape, and never over a disk that was kept", async () => {
    await using told = await SmolVM.launch({ dataDir, from: "cold" });
    assert.equal(told.info.startedFrom, "cold");
    await using other = await SmolVM.launch({ dataDir, memoryMiB: 300 });
    assert.equal(other.info.startedFrom, "cold");
    await assert.rejects(SmolVM.launch({ dataDir, memoryMiB: 300, from: "template" }), { code: "TEMPLATE_NOT_FOUND" });
    await assert.rejects(SmolVM.launch({ dataDir, from: "hot" as never }), { code: "INVALID_OPTION" });

    const first = await SmolVM.launch({ dataDir, vmId: "kept", retainDiskOnDelete: true });
    assert.equal(first.info.startedFrom, "cold", "a disk that outlives its VM lies on no template");
    await first.run("echo mine > /root/note");
    await first.delete();
    await first.close();
    await using second = await SmolVM.launch({ dataDir, vmId: "kept" });
    assert.equal(second.info.startedFrom, "cold");
    assert.equal((await second.run("cat /root/note")).stdout, "mine\n");
  });
});

describe("a template", () => {
  test("is made once, however many ask for it, and private to its owner", async (t) => {
    const dataDir = testDataDir(t);
    const keys = await Promise.all([warm(dataDir), warm(dataDir), warm(dataDir)]);
    assert.equal(new Set(keys).size, 1);
    const [name = "", ...others] = templatesIn(dataDir);
    assert.deepEqual(others, []);
    assert.deepEqual(readdirSync(join(dataDir, "templates", name)).toSorted(), [
      "disk.qcow2",
      "memory",
      "memory.extents",
      "state",
      "template.json",
    ]);
    const cli = await startCli(dataDir, ["image", "warm", "--json"]).result;
    assert.deepEqual([cli.exitCode, JSON.parse(cli.stdout)], [0, { key: keys[0] }]);
  });

  test("that is damaged is dropped, and the VM boots", async (t) => {
    const dataDir = testDataDir(t);
    await warm(dataDir);
    const [name = ""] = templatesIn(dataDir);
    const statePath = join(dataDir, "templates", name, "state");
    const state = readFileSync(statePath);
    state[1_000] = (state[1_000] ?? 0) ^ 1;
    chmodSync(statePath, 0o600);
    writeFileSync(statePath, state);
    await using vm = await SmolVM.launch({ dataDir });
    assert.equal(vm.info.startedFrom, "cold");
    assert.equal(existsSync(join(dataDir, "templates", name, "template.json")), false);
  });

  test("whose maker is killed leaves nothing that reconcile does not remove", async (t) => {
    const dataDir = testDataDir(t);
    const maker = startCli(dataDir, ["image", "warm"]);
    const staging = (): string[] => filesIn(dataDir, "templates").filter((name) => name.startsWith(".staging-"));
    while (!staging().some((name) => existsSync(join(dataDir, "templates", name, "vmm.pid")))) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    maker.child.kill("SIGKILL");
    await maker.result;
    await using manager = new SmolVMManager({ dataDir });
    await manager.reconcile();
    assert.deepEqual(staging(), []);
    await assertNoProcess(dataDir);
  });
});
