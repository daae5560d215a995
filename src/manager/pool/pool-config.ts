import { assertKnownOptions } from "../../config/known-options.ts";
import type { NetworkMode } from "../../config/network-config.ts";
import { parseVmConfig } from "../../config/parse-vm-config.ts";
import type { VMConfig } from "../../config/vm-config.ts";
import { describe } from "../../config/vm-id.ts";
import { ValidationError } from "../../errors/smolvm-error.ts";
import type { PoolConfig, PoolRecord } from "../../state/pool-repository.ts";
import type { VMRecord } from "../../state/vm-record.ts";
import { DEFAULT_IMAGE } from "../default-image.ts";
import { DEFAULT_MEMORY_MIB, DEFAULT_VCPU_COUNT } from "../resolve-config.ts";

const MAX_SIZE = 1_000;

/** Which VMs a pool holds ready, and how many. Those that are left out are as in {@link VMConfig}. */
export interface PoolOptions {
  /** VMs that wait, 0 to 1,000. 0 ends the pool and deletes them. */
  readonly size: number;
  /** Name or id of an image. Default `"debian"`. */
  readonly image?: string;
  readonly vcpuCount?: number;
  readonly memoryMiB?: number;
  readonly diskMiB?: number;
  readonly network?: NetworkMode;
}

/** @throws {ValidationError} `INVALID_OPTION`. */
export function parsePoolOptions(options: PoolOptions): PoolRecord {
  const shapeOptions = ["image", "vcpuCount", "memoryMiB", "diskMiB", "network"];
  assertKnownOptions("pool.set()", options, ["size", ...shapeOptions]);
  const { size, ...shape } = options;
  if (!Number.isInteger(size) || size < 0 || size > MAX_SIZE) {
    throw new ValidationError(
      "INVALID_OPTION",
      `size must be a whole number from 0 to ${MAX_SIZE}, got ${describe(size)}`,
      { details: { option: "size" } },
    );
  }
  const { image, vcpuCount, memoryMiB, diskMiB, network } = parseVmConfig(shape);
  if (network === "tap") {
    throw new ValidationError("UNSUPPORTED", 'network must be "auto", "user" or "none" for a pool, got "tap"', {
      details: { option: "network" },
    });
  }
  const config: PoolConfig = {
    image: image ?? DEFAULT_IMAGE,
    vcpuCount: vcpuCount ?? DEFAULT_VCPU_COUNT,
    memoryMiB: memoryMiB ?? DEFAULT_MEMORY_MIB,
    diskMiB,
    network: network === "none" ? "none" : "user",
  };
  return { key: keyOf(config), config, size };
}

/** The config of a VM of the pool. */
export function vmConfigOf({ config }: PoolRecord): VMConfig {
  const { diskMiB, ...others } = config;
  return { ...others, ...(diskMiB === undefined ? {} : { diskMiB }) };
}

/** Whether a pool is meant for VMs like this one, whatever its image is today. */
export function isPoolFor(pool: PoolRecord, { config, network }: VMRecord): boolean {
  const { vcpuCount, memoryMiB, diskMiB = config.diskMiB } = pool.config;
  const isOfShape = vcpuCount === config.vcpuCount && memoryMiB === config.memoryMiB && diskMiB === config.diskMiB;
  return isOfShape && (pool.config.network === "none") === (network === null) && pool.size > 0;
}

/** The same for the same wishes, whatever image the name stands for. */
function keyOf({ image, vcpuCount, memoryMiB, diskMiB, network }: PoolConfig): string {
  return [image, vcpuCount, memoryMiB, diskMiB ?? "default", network].join("/");
}
