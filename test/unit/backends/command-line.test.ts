import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LaunchSpec } from "../../../src/backends/backend.ts";
import { buildCommandLine, escapeValue } from "../../../src/backends/qemu/command-line.ts";

const spec: LaunchSpec = {
  vmId: "vm-1",
  vcpuCount: 2,
  memoryMiB: 512,
  kernelPath: "/images/kernel",
  initrdPath: "/images/initramfs",
  bootArgs: "console=ttyS0 quiet",
  disk: {
    path: "/data/disks/vm-1.qcow2",
    format: "qcow2",
    backing: { path: "/images/rootfs.ext4", format: "raw", backing: undefined },
  },
  network: {
    mode: "user",
    guestIp: "10.0.2.15",
    gatewayIp: "10.0.2.2",
    netmask: "255.255.255.0",
    tapDevice: null,
    guestMac: "02:00:00:00:00:01",
    sshHostPort: null,
  },
  accelerator: "tcg",
  paths: {
    vmDir: "/data/vms/vm-1",
    socketDir: "/data/sockets/vm-1",
    consoleLogPath: "/data/vms/vm-1/console.log",
    vmmLogPath: "/data/vms/vm-1/vmm.log",
  },
};

/** The values of an option, in order. */
function valuesOf(option: string, args: readonly string[]): readonly string[] {
  return args.flatMap((arg, index) => (arg === option ? [args[index + 1] ?? ""] : []));
}

describe("QEMU's command line", () => {
  test("is the same for the same spec", () => {
    assert.deepEqual(buildCommandLine(spec), buildCommandLine(structuredClone(spec)));
  });

  test("under software emulation on x64 it is a q35 with PCI devices", () => {
    const args = buildCommandLine(spec, "x64", "linux");
    assert.match(valuesOf("-machine", args)[0] ?? "", /^q35,.*dump-guest-core=off,memory-backend=ram$/);
    assert.deepEqual(valuesOf("-accel", args), ["tcg"]);
    assert.deepEqual(valuesOf("-cpu", args), ["max,erms=off,fsrm=off"]);
    assert.deepEqual(valuesOf("-m", args), ["512M"]);
    assert.deepEqual(valuesOf("-smp", args), ["2"]);
    assert.deepEqual(valuesOf("-kernel", args), ["/images/kernel"]);
    assert.deepEqual(valuesOf("-initrd", args), ["/images/initramfs"]);
    assert.match(valuesOf("-append", args)[0] ?? "", /^console=ttyS0 quiet .*root=\/dev\/vda rw$/);
    const devices = valuesOf("-device", args);
    assert.ok(devices.includes("virtio-blk-pci,drive=root"));
    assert.ok(devices.includes("virtio-net-pci,netdev=net0,mac=02:00:00:00:00:01,romfile="));
    assert.ok(devices.includes("virtio-rng-pci,rng=rng0"));
    assert.ok(devices.every((device) => !device.includes("-device,")));
  });

  test("with KVM on x64 it is a microvm with MMIO devices and the host's CPU", () => {
    const args = buildCommandLine({ ...spec, accelerator: "kvm" }, "x64", "linux");
    assert.match(valuesOf("-machine", args)[0] ?? "", /^microvm,/);
    assert.deepEqual(valuesOf("-cpu", args), ["host"]);
    assert.deepEqual(valuesOf("-accel", args), ["kvm"]);
    const devices = valuesOf("-device", args);
    assert.ok(devices.includes("virtio-blk-device,drive=root"));
    assert.ok(devices.includes("virtio-net-device,netdev=net0,mac=02:00:00:00:00:01"));
    assert.ok(devices.every((device) => !device.includes("-pci")));
  });

  test("on arm64 it is a virt with its own console", () => {
    for (const [accelerator, cpu] of [
      ["tcg", "max"],
      ["kvm", "host"],
      ["hvf", "host"],
    ] as const) {
      const args = buildCommandLine({ ...spec, accelerator }, "arm64", accelerator === "hvf" ? "darwin" : "linux");
      assert.match(valuesOf("-machine", args)[0] ?? "", /^virt,/);
      assert.deepEqual(valuesOf("-cpu", args), [cpu]);
      assert.match(valuesOf("-append", args)[0] ?? "", /console=ttyAMA0/);
    }
  });

  test("QEMU's seccomp filter is asked for on Linux only, where it exists", () => {
    const [sandbox] = valuesOf("-sandbox", buildCommandLine(spec, "x64", "linux"));
    assert.match(sandbox ?? "", /^on,.*elevateprivileges=deny.*spawn=deny/);
    assert.equal(buildCommandLine(spec, "arm64", "darwin").includes("-sandbox"), false);
  });

  test("no device and no configuration comes with it unasked", () => {
    const args = buildCommandLine(spec);
    for (const option of ["-nodefaults", "-no-user-config", "-no-reboot"]) assert.ok(args.includes(option));
    assert.deepEqual(valuesOf("-display", args), ["none"]);
  });

  test("without a network there is no network device, and without an initrd no initrd", () => {
    const args = buildCommandLine({ ...spec, network: null, initrdPath: undefined });
    assert.deepEqual(valuesOf("-netdev", args), []);
    assert.ok(valuesOf("-device", args).every((device) => !device.startsWith("virtio-net")));
    assert.deepEqual(valuesOf("-initrd", args), []);
  });

  test("each channel port has a socket and a name of its own", () => {
    const args = buildCommandLine(spec);
    for (let port = 0; port < 8; port++) {
      assert.ok(
        valuesOf("-chardev", args).includes(
          `socket,id=ch${port},path=/data/sockets/vm-1/ch${port}.sock,server=on,wait=off`,
        ),
      );
      assert.ok(valuesOf("-device", args).some((device) => device.endsWith(`chardev=ch${port},name=smolvm.${port}`)));
    }
  });

  test("the base of an overlay is opened read-only; a shared disk has no base", () => {
    const overlay = JSON.parse(valuesOf("-blockdev", buildCommandLine(spec))[0] ?? "");
    assert.equal(overlay.driver, "qcow2");
    assert.equal(overlay.backing["read-only"], true);
    assert.equal(overlay.backing.file["read-only"], true);
    assert.equal(overlay.backing.file.filename, "/images/rootfs.ext4");
    const disk = { path: "/r", format: "raw", backing: undefined } as const;
    const shared = JSON.parse(valuesOf("-blockdev", buildCommandLine({ ...spec, disk }))[0] ?? "");
    assert.deepEqual([shared.driver, shared.file.filename, shared.backing], ["raw", "/r", undefined]);
  });

  test("a disk on a template's disk names the whole chain, all but itself read-only", () => {
    const rootfs = { path: "/images/rootfs.ext4", format: "raw", backing: undefined } as const;
    const disk = { path: "/v", format: "qcow2", backing: { path: "/t", format: "qcow2", backing: rootfs } } as const;
    const node = JSON.parse(valuesOf("-blockdev", buildCommandLine({ ...spec, disk }))[0] ?? "");
    assert.equal(node["read-only"], undefined);
    assert.deepEqual(
      [node.backing.driver, node.backing["read-only"], node.backing.file.filename],
      ["qcow2", true, "/t"],
    );
    assert.deepEqual([node.backing.backing.driver, node.backing.backing.file["read-only"]], ["raw", true]);
  });

  test("memory in a file is the machine's, written to while a template is made and private to each VM after", () => {
    const made = buildCommandLine({ ...spec, memory: { path: "/m", sharing: "shared" } });
    assert.ok(valuesOf("-object", made).includes("memory-backend-file,id=ram,size=512M,mem-path=/m,share=on"));
    assert.match(valuesOf("-machine", made)[0] ?? "", /,memory-backend=ram$/);
    assert.deepEqual(valuesOf("-incoming", made), []);
    const restored = buildCommandLine({
      ...spec,
      memory: { path: "/m", sharing: "private" },
      state: { path: "/s", includesMemory: false },
    });
    assert.ok(valuesOf("-object", restored).includes("memory-backend-file,id=ram,size=512M,mem-path=/m,share=off"));
    assert.deepEqual(valuesOf("-incoming", restored), ["defer"]);
    const whole = buildCommandLine({ ...spec, state: { path: "/s", includesMemory: true } });
    assert.deepEqual(valuesOf("-incoming", whole), ["defer"]);
    assert.ok(valuesOf("-object", whole).includes("memory-backend-ram,id=ram,size=512M"));
    // Whichever way a state was saved, it fits: none begins with a description of the machine, and the memory has one name.
    for (const each of [made, restored, whole, buildCommandLine(spec)]) {
      assert.ok(valuesOf("-global", each).includes("migration.send-configuration=off"));
      assert.match(valuesOf("-machine", each)[0] ?? "", /,memory-backend=ram$/);
    }
  });

  test("an interface without a network is there, and lets nothing through", () => {
    const args = buildCommandLine({ ...spec, network: null, hasIdleInterface: true });
    assert.match(valuesOf("-netdev", args).join(), /^user,id=net0,.*,restrict=on$/);
    assert.ok(valuesOf("-device", args).some((device) => /^virtio-net-[a-z]+,netdev=net0(,romfile=)?$/.test(device)));
  });

  test("a comma in a path does not break out of an option", () => {
    const odd = "/data/a,id=evil,b=c d";
    const args = buildCommandLine({
      ...spec,
      disk: {
        path: `${odd}/disk`,
        format: "qcow2",
        backing: { path: `${odd}/rootfs`, format: "raw", backing: undefined },
      },
      memory: { path: `${odd}/memory`, sharing: "private" },
      paths: { vmDir: odd, socketDir: odd, consoleLogPath: `${odd}/console.log`, vmmLogPath: `${odd}/vmm.log` },
    });
    const escaped = "/data/a,,id=evil,,b=c d";
    const chardevs = valuesOf("-chardev", args);
    assert.ok(chardevs.includes(`file,id=console,path=${escaped}/console.log,append=on`));
    assert.ok(chardevs.includes(`socket,id=qmp,path=${escaped}/qmp.sock,server=on,wait=off`));
    assert.ok(valuesOf("-object", args).some((object) => object.includes(`,mem-path=${escaped}/memory,share=off`)));
    for (const chardev of chardevs) assert.doesNotMatch(chardev, /[^,],id=evil/);
    assert.equal(JSON.parse(valuesOf("-blockdev", args)[0] ?? "").file.filename, `${odd}/disk`);
  });
});

test("a comma in a value is doubled, and nothing else is changed", () => {
  assert.equal(escapeValue("a,b,,c"), "a,,b,,,,c");
  assert.equal(escapeValue("a=b \"c\" 'd' \\ü:"), "a=b \"c\" 'd' \\ü:");
});
