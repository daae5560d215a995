import { parseVmConfig } from "../config/parse-vm-config.ts";
import { assertKnownOptions } from "../config/known-options.ts";
import type { Environment } from "../config/environment.ts";
import { assertStartFrom } from "../config/start-from.ts";
import type { SnapshotInfo } from "../config/snapshot-info.ts";
import type { ForkOptions, SnapshotOptions } from "../config/snapshot-options.ts";
import { assertTimeout } from "../config/timeout.ts";
import type { VMInfo } from "../config/vm-info.ts";
import type { VMState } from "../config/vm-state.ts";
import { NetworkError, VMNotFoundError } from "../errors/smolvm-error.ts";
import type { CommandResult } from "../guest/command/command-result.ts";
import type { Command } from "../guest/command/command-argv.ts";
import type { RunCommandOptions } from "../guest/command/run-command.ts";
import type { GuestProcess } from "../guest/processes/guest-process.ts";
import type { SpawnOptions } from "../guest/processes/spawn-process.ts";
import type { Terminal, TerminalOptions } from "../guest/processes/terminal.ts";
import { settleEach } from "../manager/settle-each.ts";
import { SmolVMManager, type StopOptions } from "../manager/smolvm-manager.ts";
import type { Connect } from "./connect.ts";
import { unlessExpired } from "./expired.ts";
import { VMFiles } from "./files/files.ts";
import { openTerminal, run, spawn } from "./processes/commands.ts";
import { VMProcesses } from "./processes/processes.ts";
import type { ExposePortOptions } from "./ports/expose-options.ts";
import type { PortForward } from "./ports/port-forward.ts";
import { VMPorts } from "./ports/vm-ports.ts";
import { waitForPort } from "./ports/wait-for-port.ts";
import {
  type SmolVMCreateOptions,
  givenOptions,
  type SmolVMFromIdOptions,
  type SmolVMFromSnapshotOptions,
  type SmolVMLaunchOptions,
  splitOptions,
  type StartVMOptions,
} from "./vm-options.ts";

const DEFAULT_STOP_TIMEOUT_MS = 3_000;
const DEFAULT_READY_TIMEOUT_MS = 60_000;

/**
 * One VM, seen by its user.
 *
 * A VM made by `create` or `launch` is owned: at the end of `await using` it is deleted. One found by `fromId` is stopped and
 * kept.
 *
 * @example
 * ```ts
 * import { SmolVM } from "smolvm";
 *
 * await using vm = await SmolVM.launch();
 * const { stdout, exitCode } = await vm.run("uname -a");
 * console.log(exitCode, stdout);
 * ```
 */
export class SmolVM implements AsyncDisposable {
  readonly #manager: SmolVMManager;
  readonly #owned: boolean;
  /** The files of the guest. */
  readonly files: VMFiles;
  /** The guest's detached processes. */
  readonly processes: VMProcesses;
  readonly #ports: VMPorts;
  readonly #connect: Connect;
  #info: VMInfo;
  #deleted = false;

  private constructor(manager: SmolVMManager, info: VMInfo, owned: boolean) {
    this.#manager = manager;
    this.#info = info;
    this.#owned = owned;
    this.#connect = ({ timeoutMs, signal } = {}) =>
      manager.channel(info.vmId, {
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(signal === undefined ? {} : { signal }),
      });
    this.files = new VMFiles(this.#connect);
    this.processes = new VMProcesses(this.#connect);
    this.#ports = new VMPorts(this.#connect);
  }

  /**
   * Creates a VM and does not start it: its status is `"created"`.
   *
   * @throws {ValidationError} {@link VMAlreadyExistsError} {@link ImageError} {@link NetworkError} {@link HostError}; nothing of
   * the VM is left then.
   */
  static async create(options: SmolVMCreateOptions = {}): Promise<SmolVM> {
    if (typeof options !== "object" || options === null) parseVmConfig(options);
    const { manager: managerOptions, create, config } = splitOptions(options);
    // Before the data directory is made: a wrong option leaves nothing behind.
    parseVmConfig(config);
    const manager = new SmolVMManager(managerOptions);
    try {
      return new SmolVM(manager, await manager.create(config, create), true);
    } catch (error) {
      await manager.close();
      throw error;
    }
  }

  /**
   * Creates a VM, starts it, and waits until it can run commands. When the start fails the VM is deleted again.
   *
   * @throws what {@link SmolVM.create} and {@link SmolVM.start} throw.
   */
  static async launch(options: SmolVMLaunchOptions = {}): Promise<SmolVM> {
    if (typeof options !== "object" || options === null) parseVmConfig(options);
    const { bootTimeoutMs, from, ...createOptions } = options;
    // Before anything is made.
    assertTimeout("bootTimeoutMs", bootTimeoutMs);
    assertStartFrom(from);
    const vm = await SmolVM.create(createOptions);
    try {
      const { signal } = options;
      return await vm.start({
        ...(bootTimeoutMs === undefined ? {} : { bootTimeoutMs }),
        ...(from === undefined ? {} : { from }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      await vm.delete();
      await vm.close();
      throw error;
    }
  }

  /**
   * Reconnects to a VM that was created earlier, here or in another process. Its state is left as it is.
   *
   * @throws {VMNotFoundError}
   */
  static async fromId(vmId: string, options: SmolVMFromIdOptions = {}): Promise<SmolVM> {
    const { sshUser: _user, sshKeyPath: _key, ...managerOptions } = options;
    const manager = await SmolVMManager.fromId(vmId, managerOptions);
    return new SmolVM(manager, manager.get(vmId), false);
  }

  /**
   * Makes a VM from a snapshot, by its id or name, and starts it. With memory it continues where the other VM was, processes
   * included; else it boots from the other's disk. It has an identity of its own: id, name, addresses, randomness.
   *
   * @throws {SmolVMError} `SNAPSHOT_NOT_FOUND`, `SNAPSHOT_CORRUPT`, `SNAPSHOT_INCOMPATIBLE`, and what {@link SmolVM.start} throws;
   * nothing of the VM is left then.
   *
   * @example
   * ```ts
   * import { SmolVM } from "smolvm";
   *
   * await using vm = await SmolVM.launch();
   * await vm.files.write("/root/data", "expensive to make");
   * const { id } = await vm.snapshot();
   * await using copy = await SmolVM.fromSnapshot(id, { env: { COPY: "1" } });
   * console.log(await copy.files.readText("/root/data"));
   * ```
   */
  static async fromSnapshot(idOrName: string, options: SmolVMFromSnapshotOptions = {}): Promise<SmolVM> {
    const { dataDir, socketDir, imageDir, ...restore } = options;
    const manager = new SmolVMManager(givenOptions({ dataDir, socketDir, imageDir }));
    try {
      return new SmolVM(manager, await manager.restore(idOrName, restore), true);
    } catch (error) {
      await manager.close();
      throw error;
    }
  }

  get vmId(): string {
    return this.#info.vmId;
  }

  /** The state when last looked at; {@link SmolVM.refresh} looks again. */
  get status(): VMState {
    return this.#info.status;
  }

  /** All that was known when last looked at. */
  get info(): VMInfo {
    return this.#info;
  }

  get dataDir(): string {
    return this.#manager.dataDir;
  }

  /**
   * The guest's IPv4 address.
   *
   * @throws {NetworkError} `NETWORK_UNAVAILABLE` when the VM has no network.
   */
  getIp(): string {
    if (this.#info.network !== null) return this.#info.network.guestIp;
    throw new NetworkError("NETWORK_UNAVAILABLE", `the VM "${this.vmId}" has no network`, {
      hint: 'Create the VM with another network than "none".',
    });
  }

  /** Whether commands can be run in this VM once it runs: whether its initramfs brings a guest agent. */
  canRunCommands(): boolean {
    return this.#info.config.initrdPath !== undefined;
  }

  /**
   * Brings the VM up and waits until its guest answers. Does nothing when it runs already. `info.startedFrom` tells whether it
   * continued from a template or booted.
   *
   * @param options - `bootTimeoutMs`: 30,000 by default. `from`: `"auto"` by default.
   * @returns this VM, for chaining.
   * @throws {InvalidStateError} {@link OperationTimeoutError} and `BOOT_FAILED`, with the tails of console and VMM log. The disk is
   * kept, and another start may be tried.
   */
  async start(options: StartVMOptions = {}): Promise<this> {
    assertKnownOptions("start()", options, ["bootTimeoutMs", "from", "signal"]);
    await this.#refreshAfter(this.#manager.start(this.vmId, options));
    return this;
  }

  /**
   * Shuts the VM down; by force what has not ended after `timeoutMs` (3,000 by default). The disk is kept. Does nothing when it
   * is down already. Ports that this handle has exposed are so no more.
   *
   * With `keepMemory` nothing is shut down: memory and processes are saved, and the next `start()` continues where the VM was, also
   * after a reboot of the host.
   *
   * @returns this VM, for chaining.
   */
  async stop(options: StopOptions = {}): Promise<this> {
    assertKnownOptions("stop()", options, ["timeoutMs", "keepMemory", "signal"]);
    await this.#refreshAfter(this.#manager.stop(this.vmId, { timeoutMs: DEFAULT_STOP_TIMEOUT_MS, ...options }));
    await this.#ports.unexposeAll();
    return this;
  }

  /**
   * Stops the VM's virtual CPUs: it keeps its memory, its connections and its exposed ports, and costs no CPU. Does nothing when
   * it is paused already.
   *
   * @returns this VM, for chaining.
   * @throws {InvalidStateError} when it does not run.
   */
  async pause(options: { readonly signal?: AbortSignal } = {}): Promise<this> {
    assertKnownOptions("pause()", options, ["signal"]);
    await this.#refreshAfter(this.#manager.pause(this.vmId, options));
    return this;
  }

  /**
   * Lets a paused VM go on where it was, with the host's clock. Does nothing when it runs.
   *
   * @returns this VM, for chaining.
   * @throws {InvalidStateError} when it is not paused.
   */
  async resume(options: { readonly signal?: AbortSignal } = {}): Promise<this> {
    assertKnownOptions("resume()", options, ["signal"]);
    await this.#refreshAfter(this.#manager.resume(this.vmId, options));
    return this;
  }

  /**
   * Saves the VM as it is now: its disk and, if it runs, its memory and processes. It goes on; while it runs it stands still only
   * as long as what has changed in its memory is copied. A later snapshot stores only what has changed since the one before.
   *
   * @param options - `name`, `includeMemory` (true).
   * @throws {SmolVMError} `SNAPSHOT_ALREADY_EXISTS`, `NO_SPACE`, before anything is done.
   */
  async snapshot(options: SnapshotOptions = {}): Promise<SnapshotInfo> {
    return await this.#manager.snapshot(this.vmId, options);
  }

  /**
   * Makes VMs that continue from this one's state as of now, its processes included, each under an identity of its own. This VM
   * goes on; it stands still only while what has changed in its memory is copied. Each of them is owned by whoever called: at the
   * end of `await using` it is deleted.
   *
   * @param options - `count` (1), `names` (ids of the new VMs).
   * @returns how each of them came out, in the order of `names`: one that fails does not harm the others.
   * @throws {InvalidStateError} {@link VMAlreadyExistsError} before anything is done.
   *
   * @example
   * ```ts
   * import { SmolVM } from "smolvm";
   *
   * await using vm = await SmolVM.launch();
   * await vm.run("echo prepared > /root/state");
   * for (const fork of await vm.fork({ count: 3 })) {
   *   if (fork.status === "rejected") throw fork.reason;
   *   await using child = fork.value;
   *   console.log(child.vmId, (await child.run("cat /root/state")).stdout);
   * }
   * ```
   */
  async fork(options: ForkOptions = {}): Promise<PromiseSettledResult<SmolVM>[]> {
    await using source = await this.#manager.openFork(this.vmId, options);
    const { dataDir, socketDir, imageDir } = this.#manager;
    return await settleEach(source.children, async (child) => {
      // Each is a handle by itself: closing one closes nothing of the others.
      const manager = new SmolVMManager({ dataDir, socketDir, imageDir });
      try {
        return new SmolVM(manager, await manager.launchFrom(child, source.origin, options), true);
      } catch (error) {
        await manager.close();
        throw error;
      }
    });
  }

  /** Deletes the VM for good: process, disk (unless `retainDiskOnDelete`), logs, record. May be called again. */
  async delete(): Promise<void> {
    if (this.#deleted) return;
    await unlessGone(this.#manager.delete(this.vmId));
    this.#deleted = true;
    await this.#ports.unexposeAll();
  }

  /** Releases what this handle holds on the host; the VM goes on. May be called again. */
  async close(): Promise<void> {
    await this.#ports.close();
    await this.#manager.close();
  }

  /**
   * Looks again at what is recorded of the VM.
   *
   * @returns this VM, for chaining.
   * @throws {VMNotFoundError} when it was deleted in the meantime.
   */
  async refresh(): Promise<this> {
    this.#info = this.#manager.get(this.vmId);
    return this;
  }

  /**
   * Waits until the guest answers.
   *
   * @param options - `timeoutMs`: 60,000 by default.
   * @throws {CommandExecutionUnavailableError} when the VM does not run or has no agent; {@link OperationTimeoutError}.
   */
  async waitForReady(options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {}): Promise<this> {
    assertKnownOptions("waitForReady()", options, ["timeoutMs", "signal"]);
    assertTimeout("timeoutMs", options.timeoutMs);
    const timed = { timeoutMs: DEFAULT_READY_TIMEOUT_MS, ...options };
    const channel = await this.#connect(timed);
    await channel.ping(timed);
    return this;
  }

  /**
   * Runs a command in the VM and waits for its end. A string goes through `/bin/sh -c`; an array is executed as argv, without
   * a shell. A non-zero exit code is a value, not an error.
   *
   * @param options - `timeoutMs` (none by default), `cwd`, `env`, `user` (root), `shell`, `stdin`, `signal`, `onStdout`, `onStderr`,
   * `maxOutputBytes` (64 MiB).
   * @throws {OperationTimeoutError} with the output so far; the command's process group is killed in the guest.
   * @throws {CommandExecutionUnavailableError} when the VM does not run or has no agent.
   * @throws {SmolVMError} `UNKNOWN_USER`; `CHANNEL_BROKEN` when the VM ends first. {@link ValidationError} for a wrong option, and
   * `INVALID_PATH` for a `cwd` that cannot be entered. The reason of `signal`; the error of a source given as `stdin`.
   *
   * @example
   * ```ts
   * import { SmolVM } from "smolvm";
   *
   * await using vm = await SmolVM.launch();
   * const result = await vm.run(["python3", "-c", "print(6 * 7)"], { timeoutMs: 10_000 });
   * if (!result.ok) throw new Error(result.stderr);
   * ```
   */
  async run(command: Command, options: RunCommandOptions = {}): Promise<CommandResult> {
    return await unlessExpired(this.#info, run(this.#connect, command, options));
  }

  /**
   * Starts a command and resolves once it runs: for input and output while it does, for terminals, and for processes that
   * outlive this program (`detached`).
   *
   * @param options - those of {@link SmolVM.run} but callbacks and `maxOutputBytes`; `stdin` (`"pipe"` by default), `tty`, `detached`, `name`.
   * @throws {SmolVMError} `COMMAND_NOT_FOUND`, `COMMAND_NOT_EXECUTABLE`, `UNKNOWN_USER`, `PROCESS_NAME_IN_USE`; else as
   * {@link SmolVM.run}. What happens once it runs, `exited` and the streams tell.
   *
   * @example
   * ```ts
   * import { SmolVM } from "smolvm";
   *
   * await using vm = await SmolVM.launch();
   * await using numbered = await vm.spawn(["cat", "-n"]);
   * const writer = numbered.stdin.getWriter();
   * await writer.write("one\ntwo\n");
   * await writer.close();
   * for await (const line of numbered.stdout.lines()) console.log(line);
   * console.log((await numbered.exited).exitCode);
   * ```
   */
  async spawn(command: Command, options: SpawnOptions = {}): Promise<GuestProcess> {
    return await spawn(this.#connect, command, options);
  }

  /**
   * Opens a terminal with the user's login shell, or another program, in it.
   *
   * @param options - `command`, `columns` (80), `rows` (24), `user`, `env`, `cwd`, `signal`.
   * @throws as {@link SmolVM.spawn}.
   *
   * @example
   * ```ts
   * import { SmolVM } from "smolvm";
   *
   * await using vm = await SmolVM.launch();
   * await using terminal = await vm.openTerminal({ columns: 120, rows: 40 });
   * await terminal.write("stty size; exit\n");
   * console.log(await terminal.stdout.text());
   * ```
   */
  async openTerminal(options: TerminalOptions = {}): Promise<Terminal> {
    return await openTerminal(this.#connect, options);
  }

  /**
   * Sets environment variables of the VM, at once for commands that are started from now on, and for every start to come.
   *
   * @throws {ValidationError} for a name or value that cannot be one, or when all of them take more than 60 KiB; nothing is changed then.
   *
   * @example
   * ```ts
   * import { SmolVM } from "smolvm";
   *
   * await using vm = await SmolVM.launch();
   * await vm.setEnv({ GREETING: "hello", LANG: "C" });
   * await vm.setEnv("TOKEN", "secret");
   * await vm.unsetEnv("LANG");
   * console.log(Object.keys(await vm.listEnv())); // GREETING, TOKEN
   * ```
   */
  async setEnv(variables: Environment): Promise<void>;
  async setEnv(name: string, value: string): Promise<void>;
  async setEnv(variables: Environment | string, value?: string): Promise<void> {
    const set = typeof variables === "string" ? { [variables]: value as string } : variables;
    await this.#refreshAfter(this.#manager.setEnv(this.vmId, set));
  }

  /** Removes environment variables of the VM; those that are not set are fine. @throws {ValidationError} */
  async unsetEnv(...names: readonly string[]): Promise<void> {
    await this.#refreshAfter(this.#manager.unsetEnv(this.vmId, names));
  }

  /** The environment variables of the VM itself, by name. Commands have some more: `PATH`, `HOME`, `USER`, `LANG` and such. */
  async listEnv(): Promise<Environment> {
    return this.#manager.get(this.vmId).config.env;
  }

  /**
   * Makes a TCP port of the guest reachable on the host, until `close()` of what is returned, `unexposePort()`, or `stop()`,
   * `delete()` or `close()` of this handle. Works in every network mode, and for servers that listen on the guest's loopback alone.
   * Like the listener of a server without connections, it does not keep the program from ending.
   *
   * A port that is exposed already is returned as it is where the options agree. Nothing has to listen in the guest yet: a
   * connection that the guest refuses is reset. After a restart of the VM by another handle it goes on.
   *
   * @param guestPort - 1 to 65,535.
   * @param options - `hostPort` (0, the default, is any that is free), `hostAddress` (`"127.0.0.1"`: nobody but this machine).
   * @throws {NetworkError} `PORT_IN_USE` when the host's port is taken, or this one is exposed elsewhere; `NETWORK_UNAVAILABLE`.
   * @throws {CommandExecutionUnavailableError} when the VM does not run or has no agent.
   *
   * @example
   * ```ts
   * import { SmolVM } from "smolvm";
   *
   * await using vm = await SmolVM.launch();
   * await vm.run("python3 -m http.server 8000 --bind 127.0.0.1 >/dev/null 2>&1 &");
   * await vm.waitForPort(8000);
   * await using web = await vm.exposePort(8000);
   * console.log((await fetch(web.url)).status);
   * ```
   */
  async exposePort(guestPort: number, options: ExposePortOptions = {}): Promise<PortForward> {
    return await this.#ports.expose(guestPort, options);
  }

  /** Ends what `exposePort` began, and resets its connections. Does nothing for a port that is not exposed. */
  async unexposePort(guestPort: number): Promise<void> {
    await this.#ports.unexpose(guestPort);
  }

  /**
   * Waits until something in the guest listens on a TCP port, on whatever address.
   *
   * @param port - 1 to 65,535.
   * @param options - `timeoutMs`: 60,000 by default.
   * @throws {OperationTimeoutError}
   * @throws {CommandExecutionUnavailableError} when the VM does not run or has no agent.
   */
  async waitForPort(
    port: number,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<this> {
    await waitForPort(this.#connect, port, options);
    return this;
  }

  /** An owned VM is deleted, another one stopped; then the handle is closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#deleted) return;
      // What is deleted anyway needs no orderly shutdown; delete() sees to it where a disk is kept.
      if (this.#owned) await this.delete();
      else await unlessGone(this.stop());
    } finally {
      await this.close();
    }
  }

  async #refreshAfter(operation: Promise<VMInfo>): Promise<void> {
    try {
      this.#info = await operation;
    } catch (error) {
      await this.refresh().catch(() => {
        // It is gone; the operation's own error says more.
      });
      throw error;
    }
  }
}

/** Somebody else may have deleted the VM: then there is nothing left to do. */
async function unlessGone(operation: Promise<unknown>): Promise<void> {
  try {
    await operation;
  } catch (error) {
    if (!(error instanceof VMNotFoundError)) throw error;
  }
}
