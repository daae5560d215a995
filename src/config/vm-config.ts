import type { NetworkMode } from "./network-config.ts";

/** Which VMM runs the VM. `"auto"` takes the best one that this machine and this release support. */
export type BackendChoice = "auto" | "qemu" | "firecracker";

/** A VMM that a VM was created for. */
export type BackendName = Exclude<BackendChoice, "auto">;

/**
 * `"isolated"`: the VM writes to an overlay of its own, and the image stays as it is.
 * `"shared"`: the VM writes into `rootfsPath` itself; one VM at a time.
 */
export type DiskMode = "isolated" | "shared";

/**
 * What a VM is made of. Every part has a default; without any path the default image is used.
 *
 * @example
 * ```ts
 * import { SmolVM } from "smolvm";
 *
 * const vm = await SmolVM.create({ memoryMiB: 1024, diskMiB: 4096, env: { GREETING: "hello" } });
 * await vm.delete();
 * ```
 */
export interface VMConfig {
  /**
   * `[a-z0-9]`, then up to 61 of `[a-z0-9_-]`, then `[a-z0-9]`. Default: `sbx-` and ten random characters. Also the guest's host
   * name, with `-` for each `_`.
   */
  readonly vmId?: string;
  /** Virtual CPUs, 1 to 64. Default 1. */
  readonly vcpuCount?: number;
  /** Memory in MiB, 64 to 1,048,576. Default 512. */
  readonly memoryMiB?: number;
  /** Size of the VM's disk in MiB; sparse, so only what is written takes room. Default 4096. */
  readonly diskMiB?: number;
  /** Name or id of an image in the image store. Default `"debian"`. Excludes the paths below. */
  readonly image?: string;
  /** A kernel of your own: vmlinux, bzImage, or an arm64 Image. Asks for `rootfsPath` too. */
  readonly kernelPath?: string;
  /** Raw image of an ext4 filesystem without a partition table. Asks for `kernelPath` too. */
  readonly rootfsPath?: string;
  /** The initramfs that holds the guest agent. Without it commands cannot be run. */
  readonly initrdPath?: string;
  /** The kernel's command line; what the backend itself needs is added to it. */
  readonly bootArgs?: string;
  /** Default: `$SMOLVM_BACKEND`, else `"auto"`. */
  readonly backend?: BackendChoice;
  /** Default `"isolated"`. */
  readonly diskMode?: DiskMode;
  /** Keep the disk when the VM is deleted; a later VM with the same id takes it up. Default false. */
  readonly retainDiskOnDelete?: boolean;
  /** Environment variables of every command in the VM. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default `"auto"`. */
  readonly network?: NetworkMode;
  /**
   * Pause the VM when nobody has used it for this many milliseconds (100 or more) and its guest has nothing to do; the next call
   * to its guest wakes it. Default: never.
   */
  readonly idlePauseMs?: number;
  /** Delete the VM this many milliseconds (1,000 or more) after it was created, whatever it does then. Default: never. */
  readonly ttlMs?: number;
}

/** A {@link VMConfig} with every default filled in; deeply frozen. Paths are absolute. */
export interface ResolvedVMConfig {
  readonly vmId: string;
  readonly vcpuCount: number;
  readonly memoryMiB: number;
  readonly diskMiB: number;
  /** Name or id the image was asked by; undefined when paths were given. */
  readonly image: string | undefined;
  readonly kernelPath: string;
  readonly rootfsPath: string;
  readonly initrdPath: string | undefined;
  readonly bootArgs: string;
  readonly backend: BackendName;
  readonly diskMode: DiskMode;
  readonly retainDiskOnDelete: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly networkMode: NetworkMode;
  /** undefined: never. */
  readonly idlePauseMs?: number | undefined;
  /** undefined: for ever. */
  readonly ttlMs?: number | undefined;
}

/**
 * Kernel arguments for images that are reached by SSH or by the guest agent: console on the first serial port, and a
 * panic or reboot ends the VMM.
 */
export const SSH_BOOT_ARGS: string = "console=ttyS0 reboot=t panic=-1 quiet";
