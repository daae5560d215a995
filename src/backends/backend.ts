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
  /** Continue from this state instead of booting. */
  readonly state?: StateSpec | undefined;
  /** Keep a network interface that lets nothing through, since the state to continue from has one. */
  readonly hasIdleInterface?: boolean | undefined;
}

/** A file that holds a guest's memory. */
export interface MemorySpec {
  readonly path: string;
  /** `"shared"`: what the guest writes goes to the file. `"private"`: it stays in this VMM, and the file is as it was. */
  readonly sharing: "shared" | "private";
}

/** A saved state of a VM's devices. */
export interface StateSpec {
  readonly path: string;
  /** Whether the guest's memory is in it, too. Otherwise it lies in the file that `memory` names. */
  readonly includesMemory: boolean;
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

/** A hold on a running VMM. Every call rejects with {@link HostError} `VMM_FAILED` when the VMM refuses or has ended. */
export interface VmmControl extends AsyncDisposable {
  /** Stops the virtual CPUs; what the guest has asked of its disk is done first. Does nothing when they are stopped. */
  pause(): Promise<void>;
  /** Lets them go on. */
  resume(): Promise<void>;
  isPaused(): Promise<boolean>;
  /** Where the guest's memory lies in the VMM. */
  memoryAddress(): Promise<bigint>;
  /** Writes the state of the devices of a paused VM to a new file. */
  saveDevices(path: string): Promise<void>;
  /** Writes the state of the devices and the memory of a paused VM to a new file: the way where the VMM cannot be read. */
  saveAll(path: string): Promise<void>;
  /** From now on the guest writes to this empty overlay, and what was its disk lies below and is only read. */
  putOverlay(path: string): Promise<void>;
  /** The file that the guest writes to. */
  diskPath(): Promise<string>;
  /** Tells the guest that its disk has this size now. */
  resizeDisk(sizeBytes: number): Promise<void>;
  /** Presses the machine's power button, for guests without an agent. Returns when the VMM has been told. */
  pressPowerButton(): Promise<void>;
  version(): Promise<string>;
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
    options: {
      readonly onSpawn: (vmm: ProcessIdentity) => void;
      readonly signal: AbortSignal;
      /** The content of `memory.path`, where it is still being written; the file has its size already. */
      readonly memoryReady?: Promise<void> | undefined;
    },
  ): Promise<LaunchedVmm>;

  /**
   * All on the VMM's side that a saved state depends on: its program, machine and devices. States go only between VMs of
   * the same text.
   */
  stateIdentity(spec: LaunchSpec): string;

  /**
   * The same without the program and the paths of files: what must match where a state is taken to another machine or
   * release, beside {@link version}.
   */
  machineIdentity(spec: LaunchSpec): string;

  /** The version of the VMM's program, as it prints it. Starts it. */
  version(): Promise<string>;

  /** Takes hold of a running VMM; one process at a time, others wait. */
  control(
    paths: Pick<VmmPaths, "socketDir">,
    options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal | undefined },
  ): Promise<VmmControl>;

  /** The VMM's control socket. */
  controlSocketPath(paths: Pick<VmmPaths, "socketDir">): string;

  /** The socket of one channel port, from 0. */
  channelSocketPath(paths: Pick<VmmPaths, "socketDir">, port: number): string;

  /** The process that a VMM started by a dead creator has, found without the state database; undefined when none runs. */
  findVmm(paths: Pick<VmmPaths, "vmDir" | "socketDir">): ProcessIdentity | undefined;
}
