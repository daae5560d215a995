import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sharedVM } from "../support/vm-fixture.ts";

const ODD = "two\nlines \"double\" 'single' $HOME `id` \\n \\ ü 🎉 =";

describe("what a guest sees of its config", () => {
  const shared = sharedVM({
    vmId: "a_vm-with-63-characters-".padEnd(63, "x"),
    vcpuCount: 2,
    memoryMiB: 300,
    diskMiB: 2_048,
    env: { ODD, EMPTY: "", PATH: "/opt/own:/usr/bin:/bin" },
  });

  test("a kernel of its own", async () => {
    assert.match((await shared.vm.run("uname -sr")).stdout, /^Linux \d/);
    assert.notEqual((await shared.vm.run("cat /proc/sys/kernel/random/boot_id")).stdout, "");
  });

  test("its id as its hostname, in which an underscore is a hyphen", async () => {
    assert.equal((await shared.vm.run("hostname")).stdout, `${shared.vm.vmId.replaceAll("_", "-")}\n`);
  });

  test("its CPUs and its memory", async () => {
    assert.equal((await shared.vm.run("nproc")).stdout, "2\n");
    const kib = Number((await shared.vm.run("awk '/^MemTotal/ { print $2 }' /proc/meminfo")).stdout);
    // The kernel keeps a part for itself.
    assert.ok(kib > 220 * 1024 && kib < 300 * 1024, `${kib} KiB`);
  });

  test("a filesystem that fills the disk", async () => {
    const mib = Number((await shared.vm.run("df --output=size -BM / | tail -1 | tr -dc 0-9")).stdout);
    assert.ok(mib > 1_900 && mib <= 2_048, `${mib} MiB`);
  });

  test("its variables in every command, however they look", async () => {
    assert.equal((await shared.vm.run('printf %s "$ODD"')).stdout, ODD);
    assert.equal((await shared.vm.run(["printenv", "ODD"])).stdout, `${ODD}\n`);
    assert.equal((await shared.vm.run('printf %s "${EMPTY-unset}|$PATH"')).stdout, "|/opt/own:/usr/bin:/bin");
  });

  test("the clock of its host", async () => {
    const before = Math.floor(Date.now() / 1000);
    const guest = Number((await shared.vm.run("date +%s")).stdout);
    const after = Math.ceil(Date.now() / 1000);
    assert.ok(guest >= before - 2 && guest <= after + 2, `${before} ${guest} ${after}`);
  });

  test("the address that the host tells", async () => {
    assert.equal(shared.vm.getIp(), shared.vm.info.network?.guestIp);
    const { stdout } = await shared.vm.run("ip -4 -o addr show dev eth0; ip route; cat /sys/class/net/eth0/address");
    assert.ok(stdout.includes(` ${shared.vm.getIp()}/24 `));
    assert.ok(stdout.includes(`default via ${shared.vm.info.network?.gatewayIp} `));
    assert.ok(stdout.includes(shared.vm.info.network?.guestMac ?? "none"));
  });
});

describe("a VM's info", () => {
  const shared = sharedVM({ network: "none", env: { A: "1" } });

  test("is frozen to the bottom", () => {
    const { info } = shared.vm;
    for (const part of [info, info.config, info.config.env, info.startPhases, info.startPhases[0]]) {
      assert.ok(Object.isFrozen(part), JSON.stringify(part));
    }
  });

  test("says what the start spent its time on", () => {
    const { startPhases, startedAt, createdAt, accelerator } = shared.vm.info;
    assert.deepEqual(
      startPhases.map(({ name }) => name),
      ["vmm", "boot", "configure"],
    );
    for (const { durationMs } of startPhases) assert.ok(durationMs > 0);
    assert.ok(startedAt !== null && startedAt >= createdAt);
    assert.ok(["tcg", "kvm", "hvf"].includes(accelerator ?? ""));
  });

  test("has every default filled in", () => {
    const { config, backend } = shared.vm.info;
    assert.equal(backend, "qemu");
    assert.deepEqual(
      { ...config, vmId: "", kernelPath: "", rootfsPath: "", initrdPath: "" },
      {
        vmId: "",
        vcpuCount: 1,
        memoryMiB: 512,
        diskMiB: 4096,
        image: "debian",
        kernelPath: "",
        rootfsPath: "",
        initrdPath: "",
        bootArgs: "console=ttyS0 reboot=t panic=-1 quiet",
        backend: "qemu",
        diskMode: "isolated",
        retainDiskOnDelete: false,
        env: { A: "1" },
        networkMode: "none",
      },
    );
    assert.match(config.vmId, /^sbx-/);
  });

  test('network "none" has no interface but the loopback, and no address', async () => {
    assert.equal((await shared.vm.run("ls /sys/class/net")).stdout, "lo\n");
    assert.equal(shared.vm.info.network, null);
    assert.throws(() => shared.vm.getIp(), { name: "NetworkError", code: "NETWORK_UNAVAILABLE" });
  });

  test("waitForReady resolves for a guest that answers", async () => {
    assert.equal(await shared.vm.waitForReady({ timeoutMs: 10_000 }), shared.vm);
    assert.equal(shared.vm.canRunCommands(), true);
  });
});
