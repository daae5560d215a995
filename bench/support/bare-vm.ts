import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseMachine } from "../../src/backends/qemu/machine.ts";
import { SSH_BOOT_ARGS } from "../../src/config/vm-config.ts";
import { chooseAccelerator } from "../../src/host/accelerator.ts";
import type { Image } from "../../src/images/image.ts";
import { createQcow2Overlay } from "../../src/images/qcow2-overlay.ts";
import { BareChannel } from "./bare-channel.ts";

const MIB = 1024 * 1024;

/**
 * The floor: the same VMM, kernel, initramfs and root filesystem, started by a bare script that talks to the same channel in
 * frames made beforehand. No library code is on its path but the writer of the empty overlay.
 */
export class BareVM implements AsyncDisposable {
  readonly #vmm: ChildProcess;
  readonly #dir: string;
  readonly channel: BareChannel;
  /** From the start of the VMM to the guest's answer to HELLO. */
  readonly readyMs: number;

  private constructor(vmm: ChildProcess, dir: string, channel: BareChannel, readyMs: number) {
    this.#vmm = vmm;
    this.#dir = dir;
    this.channel = channel;
    this.readyMs = readyMs;
  }

  static async start(image: Image): Promise<BareVM> {
    const dir = mkdtempSync(join(tmpdir(), "bare-"));
    const diskPath = join(dir, "disk.qcow2");
    const started = performance.now();
    await createQcow2Overlay({
      path: diskPath,
      backingPath: image.rootfsPath,
      backingFormat: "raw",
      sizeBytes: 4_096 * MIB,
    });
    const socketPath = join(dir, "ch0.sock");
    const vmm = spawn("qemu-system-x86_64", bareArguments(image, diskPath, socketPath), {
      stdio: ["ignore", "inherit", "inherit", "pipe"],
    });
    // The QMP greeting on descriptor 3: by then the channel's socket listens.
    const control = vmm.stdio[3];
    if (control) await once(control, "data");
    const channel = await BareChannel.open(socketPath);
    return new BareVM(vmm, dir, channel, performance.now() - started);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.channel[Symbol.dispose]();
    this.#vmm.kill("SIGKILL");
    await once(this.#vmm, "exit");
    rmSync(this.#dir, { recursive: true });
  }
}

function bareArguments(image: Image, diskPath: string, socketPath: string): readonly string[] {
  const { accelerator } = chooseAccelerator();
  const isEmulated = accelerator === "tcg";
  // What makes a boot fast belongs to the floor: the machine and the kernel's arguments are those of the library.
  const { type, cpu, bootArgs } = chooseMachine(accelerator, process.arch);
  return [
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-M", type, "-accel", accelerator, "-cpu", cpu, "-m", "512M"],
    ...["-kernel", image.kernelPath, "-initrd", image.initrdPath],
    ...["-append", `${SSH_BOOT_ARGS} ${bootArgs.join(" ")}`],
    ...["-chardev", "socket,id=control,fd=3", "-mon", "chardev=control,mode=control"],
    ...["-drive", `if=none,id=root,format=qcow2,file=${diskPath}`],
    ...["-device", isEmulated ? "virtio-blk-pci,drive=root" : "virtio-blk-device,drive=root"],
    ...["-device", isEmulated ? "virtio-serial-pci" : "virtio-serial-device"],
    ...["-chardev", `socket,id=ch0,path=${socketPath},server=on,wait=off`],
    ...["-device", "virtserialport,nr=1,chardev=ch0,name=smolvm.0"],
  ];
}
