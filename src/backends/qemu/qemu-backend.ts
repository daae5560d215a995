import { closeSync, openSync, realpathSync, statSync } from "node:fs";
import { findProgram } from "../../host/find-program.ts";
import { HostError } from "../../errors/smolvm-error.ts";
import { signalProcess, type ProcessIdentity } from "../../process/process-identity.ts";
import { type DetachedProcess, spawnDetached } from "../../process/spawn-detached.ts";
import { readTail } from "../../process/read-tail.ts";
import { runProgram } from "../../process/run-program.ts";
import type { Backend, BackendCapabilities, LaunchedVmm, LaunchSpec, VmmControl, VmmPaths } from "../backend.ts";
import { buildCommandLine, CHANNEL_PORTS, channelSocketPath, qmpSocketPath } from "./command-line.ts";
import { findQemu } from "./find-qemu.ts";
import { loadState, MigrationEnd } from "./migration.ts";
import { QemuControl } from "./qemu-control.ts";
import { QmpClient } from "./qmp-client.ts";

/** QEMU answers QMP about 30 ms after its start; a machine under heavy load may take seconds. */
const GREETING_TIMEOUT_MS = 30_000;

/**
 * For glibc (mallopt(3)): one pool of memory for all threads, with no more at its end than is in use. It makes each of many VMs three
 * quarters of a MiB smaller, and none of them slower as far as can be measured.
 */
const LEAN_MEMORY = { MALLOC_ARENA_MAX: "1", MALLOC_TOP_PAD_: "0", MALLOC_TRIM_THRESHOLD_: "65536" } as const;

/** Runs VMs with `qemu-system-x86_64` or `qemu-system-aarch64`. */
export class QemuBackend implements Backend {
  readonly name = "qemu" as const;
  readonly capabilities: BackendCapabilities = {
    channelPorts: CHANNEL_PORTS,
    networkModes: ["user"],
    canFreeze: true,
    diskFormats: ["raw", "qcow2"],
  };

  assertUsable(): void {
    this.#findProgram();
  }

  async launch(spec: LaunchSpec, options: Parameters<Backend["launch"]>[1]): Promise<LaunchedVmm> {
    options.signal.throwIfAborted();
    const startMs = performance.now();
    const vmm = await this.#spawn(spec);
    const ended = vmm.ended.then(({ exitCode, signal }) =>
      signal === null ? `exited with code ${exitCode}` : `was ended by ${signal}`,
    );
    try {
      options.onSpawn(vmm.identity);
      // The greeting is QEMU's first sign of life; by then all its sockets listen.
      vmm.control.ref();
      const { signal } = options;
      const migration = new MigrationEnd();
      const { onEvent } = migration;
      const qmp = await QmpClient.open(vmm.control, { timeoutMs: GREETING_TIMEOUT_MS, signal, onEvent });
      const phases = [{ name: "vmm", durationMs: performance.now() - startMs }];
      if (spec.state !== undefined) {
        const restoreMs = performance.now();
        // The devices look into the memory when they are loaded.
        await options.memoryReady;
        await loadState(qmp, migration, signal);
        phases.push({ name: "restore", durationMs: performance.now() - restoreMs });
      }
      qmp.unref();
      return {
        identity: vmm.identity,
        phases,
        ended,
        detach: () => vmm.control.destroy(),
      };
    } catch (cause) {
      vmm.control.destroy();
      signalProcess(vmm.identity, "SIGKILL");
      vmm.hold();
      const end = await ended;
      options.signal.throwIfAborted();
      throw new HostError("VMM_FAILED", `QEMU ${end} before it answered`, {
        cause,
        details: { vmId: spec.vmId, vmmLogTail: readTail(spec.paths.vmmLogPath) },
      });
    }
  }

  stateIdentity(spec: LaunchSpec): string {
    const program = realpathSync(this.#findProgram());
    const { size, mtimeMs, ino } = statSync(program);
    return JSON.stringify([program, size, mtimeMs, ino, buildCommandLine(withoutNames(spec))]);
  }

  machineIdentity(spec: LaunchSpec): string {
    const files = { kernelPath: "/kernel", initrdPath: spec.initrdPath === undefined ? undefined : "/initrd" };
    // What the interface is connected to is no part of the machine.
    const interfaces = { network: null, hasIdleInterface: spec.network !== null || spec.hasIdleInterface === true };
    return JSON.stringify([process.arch, buildCommandLine({ ...withoutNames(spec), ...files, ...interfaces })]);
  }

  async version(): Promise<string> {
    const { stdout } = await runProgram([this.#findProgram(), "--version"]);
    const version = /version (\d+\.\d+\.\d+)/.exec(stdout)?.[1];
    if (version === undefined)
      throw new HostError("VMM_FAILED", `QEMU does not tell its version: ${stdout.slice(0, 200)}`);
    return version;
  }

  async control(
    paths: Pick<VmmPaths, "socketDir">,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<VmmControl> {
    return await QemuControl.open(paths, options);
  }

  controlSocketPath(paths: Pick<VmmPaths, "socketDir">): string {
    return qmpSocketPath(paths);
  }

  channelSocketPath(paths: Pick<VmmPaths, "socketDir">, port: number): string {
    return channelSocketPath(paths, port);
  }

  findVmm(paths: Pick<VmmPaths, "vmDir" | "socketDir">): ProcessIdentity | undefined {
    return findQemu(paths);
  }

  async #spawn(spec: LaunchSpec): Promise<DetachedProcess> {
    const state = spec.state === undefined ? undefined : openSync(spec.state.path, "r");
    try {
      return await spawnDetached([this.#findProgram(), ...buildCommandLine(spec)], {
        logPath: spec.paths.vmmLogPath,
        cwd: spec.paths.vmDir,
        env: LEAN_MEMORY,
        ...(state === undefined ? {} : { files: [state] }),
      });
    } finally {
      if (state !== undefined) closeSync(state);
    }
  }

  #findProgram(): string {
    const name = process.arch === "arm64" ? "qemu-system-aarch64" : "qemu-system-x86_64";
    const program = findProgram(name);
    if (program !== undefined) return program;
    throw new HostError("PREREQUISITE_MISSING", `QEMU is missing: no "${name}" in PATH`, {
      details: { program: name },
    });
  }
}

/** A spec of the same machine, without all that differs from VM to VM: names, paths, addresses. */
function withoutNames(spec: LaunchSpec): LaunchSpec {
  const paths = { vmDir: "/", socketDir: "/", consoleLogPath: "/console", vmmLogPath: "/vmm" };
  return {
    ...spec,
    vmId: "any",
    paths,
    disk: { path: "/disk", format: "qcow2", backing: undefined },
    network: spec.network === null ? null : { ...spec.network, guestMac: "02:00:00:00:00:00" },
    memory: { path: "/memory", sharing: "private" },
    state: { path: "/state", includesMemory: false },
  };
}
