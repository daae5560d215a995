import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseMachine } from "../../src/backends/qemu/machine.ts";
import { SSH_BOOT_ARGS } from "../../src/config/vm-config.ts";
import { chooseAccelerator } from "../../src/host/accelerator.ts";
import type { Image } from "../../src/images/image.ts";
import { createQcow2Overlay } from "../../src/images/qcow2-overlay.ts";

const SYNC_WORD = Buffer.from("ff534d4f4c564d2d53594e43fec3a5ff", "hex");
const HEADER_BYTES = 12;
const RESULT = 0x83;
const MIB = 1024 * 1024;

/**
 * The floor: the same VMM, kernel, initramfs and root filesystem, started by a bare script that talks to the same channel in
 * frames made beforehand. No library code is on its path but the writer of the empty overlay.
 */
export class BareVM implements AsyncDisposable {
  readonly #vmm: ChildProcess;
  readonly #dir: string;
  readonly #socket: Socket;
  /** From the start of the VMM to the guest's answer to HELLO. */
  readonly readyMs: number;

  private constructor(vmm: ChildProcess, dir: string, socket: Socket, readyMs: number) {
    this.#vmm = vmm;
    this.#dir = dir;
    this.#socket = socket;
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
    const socket = connect(socketPath);
    socket.write(Buffer.concat([SYNC_WORD, frame(0, 0x01, [field(1, u32(1)), field(2, Buffer.alloc(16, 7))])]));
    await once(socket, "data");
    return new BareVM(vmm, dir, socket, performance.now() - started);
  }

  /** Sends a prepared frame and waits for the RESULT frame that answers it; returns the milliseconds in between. */
  async roundTrip(request: Buffer): Promise<number> {
    const started = performance.now();
    const answered = new Promise<void>((resolve) => {
      let received: Buffer = Buffer.alloc(0);
      const onData = (chunk: Buffer): void => {
        received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
        while (received.length >= HEADER_BYTES && received.length >= HEADER_BYTES + received.readUInt32BE(0)) {
          const isResult = received[8] === RESULT;
          received = received.subarray(HEADER_BYTES + received.readUInt32BE(0));
          if (!isResult) continue;
          this.#socket.off("data", onData);
          resolve();
        }
      };
      this.#socket.on("data", onData);
    });
    this.#socket.write(request);
    await answered;
    return performance.now() - started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    this.#vmm.kill("SIGKILL");
    await once(this.#vmm, "exit");
    rmSync(this.#dir, { recursive: true });
  }
}

/** A REQUEST frame for PING. */
export const PING_FRAME: Buffer = frame(1, 0x02, [field(6, u32(1))]);

/** A REQUEST frame for EXEC of these arguments. */
export function execFrame(argv: readonly string[]): Buffer {
  return frame(1, 0x02, [field(6, u32(3)), ...argv.map((argument) => field(14, Buffer.from(argument)))]);
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

function frame(id: number, type: number, fields: readonly Buffer[]): Buffer {
  const payload = Buffer.concat(fields);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(payload.length, 0);
  header.writeUInt32BE(id, 4);
  header.writeUInt8(type, 8);
  return Buffer.concat([header, payload]);
}

function field(tag: number, value: Buffer): Buffer {
  const header = Buffer.alloc(6);
  header.writeUInt16BE(tag, 0);
  header.writeUInt32BE(value.length, 2);
  return Buffer.concat([header, value]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
