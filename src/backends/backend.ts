import type { NetworkConfig } from "../config/network-config.ts";
import type { BackendName } from "../config/vm-config.ts";
import type { StartPhase } from "../config/vm-info.ts";
import type { ProcessIdentity } from "../process/process-identity.ts";

/** What a VMM is to run. Paths are absolute; nothing is checked again. */
export interface LaunchSpec {
  readonly vmId: string;
  readonly vcpuCount: number;
  readonly memoryMiB: number;
  readonly kernelPath: string;
  readonly initrdPath: string | undefined;
  readonly bootArgs: string;
  readonly disk: DiskSpec;
  readonly network: NetworkConfig | null;
  readonly accelerator: string;
  readonly paths: VmmPaths;
  /** Keep the guest's memory in a file; without it, it is the VMM's own. */
  readonly memory?: MemorySpec | undefined;
  /** Continue from this saved state of the devices instead of booting; it belongs to `memory`. */
  readonly statePath?: string | undefined;
}

/** A file that holds a guest's memory. */
export interface MemorySpec {
  readonly path: string;
  /** `"shared"`: what the guest writes goes to the file. `"private"`: it stays in this VMM, and the file is as it was. */
  readonly sharing: "shared" | "private";
}

/** The root disk: a raw file, or a qcow2 overlay on another disk. */
export interface DiskSpec {
  readonly path: string;
  readonly format: "raw" | "qcow2";
  /** What lies below an overlay; opened read-only. */
  readonly backing: DiskSpec | undefined;
}

/** Where a VMM puts what it makes. The directories exist. */
export interface VmmPaths {
  /** Working directory of the VMM. */
  readonly vmDir: string;
  /** Directory of the sockets. */
  readonly socketDir: string;
  /** The guest's console; appended to. */
  readonly consoleLogPath: string;
  /** What the VMM itself prints; appended to. */
  readonly vmmLogPath: string;
}

/** A VMM that answers; the guest begins to boot. */
export interface LaunchedVmm {
  readonly identity: ProcessIdentity;
  readonly phases: readonly StartPhase[];
  /** Settles when the VMM ends; never rejects. Says how, in words. */
  readonly ended: Promise<string>;
  /** Lets go of the VMM: it lives on, and this process may end. */
  detach(): void;
}

/** What a kind of VMM can do. Data, so that no other code asks for a backend's name. */
export interface BackendCapabilities {
  /**
   * Channel ports to the guest agent, each for one client process at a time; one more client gets `CHANNEL_BUSY`. The port
   * after the last is kept for stopping the VM, so that clients cannot be in the way.
   */
  readonly channelPorts: number;
  /** Networks it can attach. Another mode is refused at create. */
  readonly networkModes: readonly NetworkConfig["mode"][];
  /** Whether a VM can be frozen to files and others continue from them. Without it every start is a cold boot. */
  readonly canFreeze: boolean;
  /** Disk formats it reads. Without qcow2 a per-VM disk is a copy, not an overlay. */
  readonly diskFormats: readonly DiskSpec["format"][];
}

/** Drives one kind of VMM. Knows nothing of state, images or other backends. */
export interface Backend {
  readonly name: BackendName;
  readonly capabilities: BackendCapabilities;

  /** Throws `HostError` when this machine lacks what the backend needs. Cheap: called at every create. */
  assertUsable(): void;

  /**
   * Starts the VMM. `onSpawn` is called as soon as there is a process, before anything can fail on it.
   *
   * @throws {HostError} `VMM_FAILED` with the tail of its log; the process is gone then.
   */
  launch(
    spec: LaunchSpec,
    options: { readonly onSpawn: (vmm: ProcessIdentity) => void; readonly signal: AbortSignal },
  ): Promise<LaunchedVmm>;

  /**
   * All on the VMM's side that a saved state depends on: its program, machine and devices. States go only between VMs of
   * the same text.
   */
  stateIdentity(spec: LaunchSpec): string;

  /** Stops the virtual CPUs of a VM with shared memory for good, and writes the state of its devices to a new file. */
  freeze(
    paths: Pick<VmmPaths, "socketDir">,
    options: { readonly statePath: string; readonly signal?: AbortSignal | undefined },
  ): Promise<void>;

  /** Tells a running VM that its disk has this size now. */
  resizeDisk(
    paths: Pick<VmmPaths, "socketDir">,
    options: { readonly sizeBytes: number; readonly signal?: AbortSignal | undefined },
  ): Promise<void>;

  /** Presses the machine's power button, for guests without an agent. Returns when the VMM has been told. */
  pressPowerButton(paths: Pick<VmmPaths, "socketDir">, options: { readonly timeoutMs: number }): Promise<void>;

  /** The VMM's control socket. */
  controlSocketPath(paths: Pick<VmmPaths, "socketDir">): string;

  /** The socket of one channel port, from 0. */
  channelSocketPath(paths: Pick<VmmPaths, "socketDir">, port: number): string;

  /** The process that a VMM started by a dead creator has, found without the state database; undefined when none runs. */
  findVmm(paths: Pick<VmmPaths, "vmDir" | "socketDir">): ProcessIdentity | undefined;
}
