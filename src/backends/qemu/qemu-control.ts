import { chmod } from "node:fs/promises";
import { basename, join } from "node:path";
import { HostError } from "../../errors/smolvm-error.ts";
import type { VmmControl, VmmPaths } from "../backend.ts";
import { qmpSocketPath } from "./command-line.ts";
import { MigrationEnd, saveAll } from "./migration.ts";
import { QmpClient } from "./qmp-client.ts";

/** Where the memory of a machine begins, as its guest sees it: at 0, but for arm64's `virt` (QEMU, hw/arm/virt.c). */
const MEMORY_START = process.arch === "arm64" ? "0x40000000" : "0";

type Session = { readonly timeoutMs?: number; readonly signal?: AbortSignal };
type Options = { readonly timeoutMs?: number; readonly signal?: AbortSignal | undefined };

/** QEMU's QMP socket, held. It takes one client at a time, so what is done here is done by nobody else meanwhile. */
export class QemuControl implements VmmControl {
  readonly #qmp: QmpClient;
  readonly #migration: MigrationEnd;
  readonly #socketDir: string;
  readonly #options: Session;

  private constructor(qmp: QmpClient, migration: MigrationEnd, socketDir: string, options: Session) {
    this.#qmp = qmp;
    this.#migration = migration;
    this.#socketDir = socketDir;
    this.#options = options;
  }

  static async open(paths: Pick<VmmPaths, "socketDir">, { timeoutMs, signal }: Options = {}): Promise<QemuControl> {
    const migration = new MigrationEnd();
    const options = { ...(timeoutMs === undefined ? {} : { timeoutMs }), ...(signal === undefined ? {} : { signal }) };
    const qmp = await QmpClient.connect(qmpSocketPath(paths), { ...options, onEvent: migration.onEvent });
    return new QemuControl(qmp, migration, paths.socketDir, options);
  }

  async pause(): Promise<void> {
    await this.#execute("stop");
  }

  async resume(): Promise<void> {
    await this.#execute("cont");
  }

  async isPaused(): Promise<boolean> {
    const { running } = (await this.#execute("query-status")) as { running?: boolean };
    return running !== true;
  }

  async memoryAddress(): Promise<bigint> {
    // HMP's only: "Host virtual address for 0x0 (ram) is 0x7f4077fff000".
    const answer = String(await this.#execute("human-monitor-command", { "command-line": `gpa2hva ${MEMORY_START}` }));
    const address = /is (0x[0-9a-f]+)/.exec(answer)?.[1];
    if (address === undefined) throw new HostError("VMM_FAILED", `QEMU does not tell its memory's address: ${answer}`);
    return BigInt(address);
  }

  async saveDevices(path: string): Promise<void> {
    // Its name is history: it saves the devices of any VM, and leaves the memory out (QEMU, migration/savevm.c).
    // Not "live": then it would let go of the disks of a paused VM, and a second time end by a failed assertion.
    await this.#execute("xen-save-devices-state", { filename: path, live: false });
    await chmod(path, 0o600);
  }

  async saveAll(path: string): Promise<void> {
    const socketPath = join(this.#socketDir, "state.sock");
    await saveAll(this.#qmp, this.#migration, { path, socketPath, signal: this.#options.signal });
  }

  async putOverlay(path: string): Promise<void> {
    const { node } = await this.#disk();
    const file = { driver: "file", filename: path, discard: "unmap" };
    const overlay = nodeName(path);
    await this.#execute("blockdev-add", {
      driver: "qcow2",
      "node-name": overlay,
      discard: "unmap",
      file,
      // `blockdev-snapshot` puts it over the disk.
      backing: null,
    });
    await this.#execute("blockdev-snapshot", { node, overlay });
  }

  async diskPath(): Promise<string> {
    return (await this.#disk()).path;
  }

  async resizeDisk(sizeBytes: number): Promise<void> {
    const { node } = await this.#disk();
    await this.#execute("block_resize", { "node-name": node, size: sizeBytes });
  }

  async pressPowerButton(): Promise<void> {
    await this.#execute("system_powerdown");
  }

  async version(): Promise<string> {
    const { qemu } = (await this.#execute("query-version")) as { qemu?: Record<"major" | "minor" | "micro", number> };
    return `${qemu?.major}.${qemu?.minor}.${qemu?.micro}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#qmp[Symbol.asyncDispose]();
  }

  async #disk(): Promise<{ readonly node: string; readonly path: string }> {
    const [block] = (await this.#execute("query-block")) as {
      inserted?: { "node-name"?: string; image?: { filename?: string } };
    }[];
    const { inserted } = block ?? {};
    const path = inserted?.image?.filename;
    if (inserted?.["node-name"] === undefined || path === undefined) {
      throw new HostError("VMM_FAILED", "QEMU does not tell which disk its guest writes to");
    }
    return { node: inserted["node-name"], path };
  }

  async #execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return await this.#qmp.execute(command, args, this.#options);
  }
}

/** A name of QEMU's for a file: at most 31 characters, of letters, digits and `-._`, a letter first. */
function nodeName(path: string): string {
  return `d${basename(path)
    .replaceAll(/[^a-z0-9]/g, "")
    .slice(-30)}`;
}
