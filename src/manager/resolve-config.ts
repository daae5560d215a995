import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { Backend } from "../backends/backend.ts";
import { deepFreeze } from "../config/deep-freeze.ts";
import type { NetworkConfig } from "../config/network-config.ts";
import { type ResolvedVMConfig, SSH_BOOT_ARGS, type VMConfig } from "../config/vm-config.ts";
import { generateVmId } from "../config/vm-id.ts";
import { ValidationError } from "../errors/smolvm-error.ts";
import type { BuildProgress } from "../images/debian-image.ts";
import { readExt4Superblock } from "../images/ext4.ts";
import { identifyKernel } from "../images/kernel-file.ts";
import type { ImageStore } from "../images/image-store.ts";
import { DEFAULT_IMAGE, resolveImage } from "./default-image.ts";
import { planNetwork } from "./plan-network.ts";

export const DEFAULT_VCPU_COUNT = 1;
export const DEFAULT_MEMORY_MIB = 512;
const DEFAULT_DISK_MIB = 4_096;
const MIB = 1024 * 1024;

/** A config with its defaults, its files looked at, and what follows from them. */
export interface VMDefinition {
  readonly config: ResolvedVMConfig;
  readonly network: NetworkConfig | null;
  readonly imageId: string | null;
  /** The pool that it is made for. */
  readonly pool?: string;
}

/**
 * Fills a checked config with defaults and looks at every file it names. Creates nothing but, where it is missing, the
 * default image.
 *
 * @throws {ValidationError} `INVALID_PATH`, `INVALID_KERNEL`, `INVALID_ROOTFS`, or `INVALID_OPTION` for a disk that is too small.
 * @throws {ImageError}
 */
export async function resolveVmConfig(
  config: VMConfig,
  environment: {
    readonly backend: Backend;
    readonly images: ImageStore;
    readonly onProgress?: (event: BuildProgress) => void;
    readonly signal?: AbortSignal;
  },
): Promise<VMDefinition> {
  const files = await resolveFiles(config, environment);
  const rootfs = await readExt4Superblock(files.rootfsPath);
  if (rootfs === undefined) {
    throw new ValidationError(
      "INVALID_ROOTFS",
      `rootfsPath must hold an ext4 filesystem, and ${files.rootfsPath} does not`,
      { details: { option: "rootfsPath" } },
    );
  }
  const { size } = statSync(files.rootfsPath);
  if (size < rootfs.sizeBytes) {
    throw new ValidationError(
      "INVALID_ROOTFS",
      `rootfsPath must hold a whole filesystem, and ${files.rootfsPath} has ${size} bytes of ${rootfs.sizeBytes}`,
      { details: { option: "rootfsPath" } },
    );
  }
  const rootfsMiB = Math.ceil(rootfs.sizeBytes / MIB);
  const diskMiB = config.diskMiB ?? Math.max(DEFAULT_DISK_MIB, rootfsMiB);
  if (diskMiB < rootfsMiB) {
    throw new ValidationError(
      "INVALID_OPTION",
      `diskMiB must be at least ${rootfsMiB}, the size of the image's filesystem, got ${diskMiB}`,
      { details: { option: "diskMiB", minimum: rootfsMiB } },
    );
  }
  return {
    imageId: files.imageId,
    network: planNetwork(config.network ?? "auto", environment.backend),
    config: deepFreeze({
      vmId: config.vmId ?? generateVmId(),
      vcpuCount: config.vcpuCount ?? DEFAULT_VCPU_COUNT,
      memoryMiB: config.memoryMiB ?? DEFAULT_MEMORY_MIB,
      diskMiB,
      image: files.image,
      kernelPath: files.kernelPath,
      rootfsPath: files.rootfsPath,
      initrdPath: files.initrdPath,
      bootArgs: config.bootArgs ?? SSH_BOOT_ARGS,
      backend: environment.backend.name,
      diskMode: config.diskMode ?? "isolated",
      retainDiskOnDelete: config.retainDiskOnDelete ?? false,
      env: { ...config.env },
      networkMode: config.network ?? "auto",
      idlePauseMs: config.idlePauseMs,
      ttlMs: config.ttlMs,
    }),
  };
}

interface VMFiles {
  readonly imageId: string | null;
  readonly image: string | undefined;
  readonly kernelPath: string;
  readonly rootfsPath: string;
  readonly initrdPath: string | undefined;
}

async function resolveFiles(config: VMConfig, environment: Parameters<typeof resolveVmConfig>[1]): Promise<VMFiles> {
  if (config.kernelPath === undefined || config.rootfsPath === undefined) {
    const name = config.image ?? DEFAULT_IMAGE;
    const image = await resolveImage(environment.images, name, environment);
    const { kernelPath, rootfsPath, initrdPath, manifest } = image;
    return { image: name, imageId: manifest.id, kernelPath, rootfsPath, initrdPath };
  }
  const kernelPath = existingFile("kernelPath", config.kernelPath);
  const rootfsPath = existingFile("rootfsPath", config.rootfsPath);
  const initrdPath = config.initrdPath === undefined ? undefined : existingFile("initrdPath", config.initrdPath);
  if ((await identifyKernel(kernelPath)) === undefined) {
    throw new ValidationError("INVALID_KERNEL", `kernelPath must be a kernel, and ${kernelPath} is none`, {
      details: { option: "kernelPath" },
    });
  }
  return { image: undefined, imageId: null, kernelPath, rootfsPath, initrdPath };
}

function existingFile(option: string, path: string): string {
  const absolute = resolve(path);
  const stats = statSync(absolute, { throwIfNoEntry: false });
  if (stats?.isFile()) return absolute;
  const what = stats === undefined ? "does not exist" : stats.isDirectory() ? "is a directory" : "is no regular file";
  throw new ValidationError("INVALID_PATH", `${option} must be a file, and ${absolute} ${what}`, {
    details: { option, path: absolute },
  });
}
