import * as z from "zod/mini";
import { ValidationError } from "../errors/smolvm-error.ts";
import { deepFreeze } from "./deep-freeze.ts";
import { checkEnvironment, checkEnvironmentSize } from "./environment.ts";
import { nonEmptyText, parseOptions, wholeNumber } from "./parse-options.ts";
import { checkVmId } from "./vm-id.ts";
import type { VMConfig } from "./vm-config.ts";

const oneOf = <T extends string>(...values: readonly T[]): z.ZodMiniType<T> =>
  z.enum(values, { error: `must be one of ${values.map((value) => `"${value}"`).join(", ")}` });

const boolean = z.boolean({ error: "must be true or false" });

/** The longest delay that a timer of Node takes, almost 25 days. */
const MAX_DURATION_MS = 2 ** 31 - 1;

const vmConfigSchema = z.strictObject(
  {
    vmId: z.optional(z.any()),
    vcpuCount: z.optional(wholeNumber(1, 64)),
    memoryMiB: z.optional(wholeNumber(64, 1_048_576)),
    diskMiB: z.optional(wholeNumber(1, 67_108_864)),
    image: z.optional(nonEmptyText),
    kernelPath: z.optional(nonEmptyText),
    rootfsPath: z.optional(nonEmptyText),
    initrdPath: z.optional(nonEmptyText),
    bootArgs: z.optional(z.string({ error: "must be a string" })),
    backend: z.optional(oneOf("auto", "qemu", "firecracker")),
    diskMode: z.optional(oneOf("isolated", "shared")),
    retainDiskOnDelete: z.optional(boolean),
    env: z.optional(z.any()),
    network: z.optional(oneOf("auto", "tap", "user", "none")),
    idlePauseMs: z.optional(wholeNumber(100, MAX_DURATION_MS)),
    ttlMs: z.optional(wholeNumber(1_000, MAX_DURATION_MS)),
  },
  { error: "must be an object" },
);

/** Linux's COMMAND_LINE_SIZE on x86 is 2048, of which the backend's own arguments take some. */
const MAX_BOOT_ARGS = 1_536;

/**
 * Checks a {@link VMConfig} by itself: shapes, ranges, and options that exclude each other. Touches no file.
 *
 * @throws {ValidationError} `INVALID_OPTION`.
 */
export function parseVmConfig(input: unknown): VMConfig {
  const config = parseOptions(vmConfigSchema as z.ZodMiniType<VMConfig>, input, "VMConfig");
  if (config.vmId !== undefined) checkVmId(config.vmId);
  if (config.env !== undefined) checkEnvironmentSize("env", checkEnvironment("env", config.env));
  const fail = (message: string, option: string): never => {
    throw new ValidationError("INVALID_OPTION", message, { details: { option } });
  };
  if ((config.kernelPath === undefined) !== (config.rootfsPath === undefined)) {
    fail(
      "kernelPath and rootfsPath must be given together, got only one of them",
      config.kernelPath === undefined ? "kernelPath" : "rootfsPath",
    );
  }
  if (config.initrdPath !== undefined && config.kernelPath === undefined) {
    fail("initrdPath must come with kernelPath and rootfsPath, got it alone", "initrdPath");
  }
  if (config.idlePauseMs !== undefined && config.kernelPath !== undefined && config.initrdPath === undefined) {
    fail("idlePauseMs must come with an initrdPath: without a guest agent no call could wake the VM", "idlePauseMs");
  }
  if (config.image !== undefined && config.kernelPath !== undefined) {
    fail("image and kernelPath exclude each other, got both", "image");
  }
  if (config.diskMode === "shared" && config.rootfsPath === undefined) {
    fail('diskMode "shared" must come with a rootfsPath of your own: images never change', "diskMode");
  }
  // A line break would end the argument in the VMM's own configuration and logs; the kernel takes printable text only.
  if (
    config.bootArgs !== undefined &&
    (/[^\x20-\x7e]/.test(config.bootArgs) || config.bootArgs.length > MAX_BOOT_ARGS)
  ) {
    fail(`bootArgs must be at most ${MAX_BOOT_ARGS} printable ASCII characters`, "bootArgs");
  }
  return deepFreeze(structuredClone(config));
}
