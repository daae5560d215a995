import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildCommandLine } from "../../src/backends/qemu/command-line.ts";
import type { ResolvedVMConfig } from "../../src/config/vm-config.ts";
import { createQcow2Overlay } from "../../src/images/qcow2-overlay.ts";
import type { NetworkConfig } from "../../src/config/network-config.ts";
import type { Template } from "../../src/templates/template.ts";
import { BareChannel } from "./bare-channel.ts";

const MIB = 1024 * 1024;

/**
 * The floor of a start from a template: the same QEMU with the same arguments, memory and state, continued by a bare script that
 * tells the guest nothing. Its devices are those of the template, so the arguments are the library's; nothing else is.
 */
export class BareRestore implements AsyncDisposable {
  readonly #vmm: ChildProcess;
  readonly #dir: string;
  readonly channel: BareChannel;

  private constructor(vmm: ChildProcess, dir: string, channel: BareChannel) {
    this.#vmm = vmm;
    this.#dir = dir;
    this.channel = channel;
  }

  static async start(
    template: Template,
    config: ResolvedVMConfig,
    network: NetworkConfig | null,
    accelerator: string,
  ): Promise<BareRestore> {
    const dir = mkdtempSync(join(tmpdir(), "bare-"));
    const path = join(dir, "disk.qcow2");
    const sizeBytes = template.manifest.shape.diskMiB * MIB;
    await createQcow2Overlay({ path, backingPath: template.diskPath, backingFormat: "qcow2", sizeBytes });
    const rootfs = { path: config.rootfsPath, format: "raw", backing: undefined } as const;
    const state = openSync(template.statePath, "r");
    const args = buildCommandLine({
      ...config,
      network,
      accelerator,
      disk: { path, format: "qcow2", backing: { path: template.diskPath, format: "qcow2", backing: rootfs } },
      paths: { vmDir: dir, socketDir: dir, consoleLogPath: join(dir, "console"), vmmLogPath: join(dir, "vmm") },
      memory: { path: template.memoryPath, sharing: "private" },
      state: { path: template.statePath, includesMemory: false },
    });
    const vmm = spawn("qemu-system-x86_64", args, { stdio: ["ignore", "inherit", "inherit", "pipe", state] });
    closeSync(state);
    const control = vmm.stdio[3] as Socket;
    let heard = "";
    control.setEncoding("utf8").on("data", (text: string) => (heard += text));
    const hear = async (text: string): Promise<void> => {
      while (!heard.includes(text)) await once(control, "data");
    };
    await hear('"QMP"');
    const capabilities = [{ capability: "events", state: true }];
    for (const command of [
      { execute: "qmp_capabilities" },
      { execute: "migrate-set-capabilities", arguments: { capabilities } },
      { execute: "migrate-incoming", arguments: { uri: "fd:4" } },
    ]) {
      control.write(`${JSON.stringify(command)}\n`);
    }
    await hear('"completed"');
    control.write('{"execute":"cont"}\n');
    return new BareRestore(vmm, dir, await BareChannel.open(join(dir, "ch0.sock")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.channel[Symbol.dispose]();
    this.#vmm.kill("SIGKILL");
    await once(this.#vmm, "exit");
    rmSync(this.#dir, { recursive: true });
  }
}
