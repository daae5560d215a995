import * as z from "zod/mini";
import { nonEmptyText, parseOptions } from "../config/parse-options.ts";
import type { BackendChoice } from "../config/vm-config.ts";

/** Where a manager keeps its VMs, and with what it runs them. */
export interface SmolVMManagerOptions {
  /** State, disks, logs and sockets. Default: `$SMOLVM_DATA_DIR`, `~/.local/state/smolvm`, `/var/lib/smolvm`. */
  readonly dataDir?: string;
  /** Sockets of running VMs. Default: `sockets` in the data directory where that path is short enough. */
  readonly socketDir?: string;
  /** Images, shared by data directories. Default: `$SMOLVM_IMAGE_DIR`, `~/.cache/smolvm/images`. */
  readonly imageDir?: string;
  /** Default: `$SMOLVM_BACKEND`, else `"auto"`. */
  readonly backend?: BackendChoice;
}

const schema = z.strictObject({
  dataDir: z.optional(nonEmptyText),
  socketDir: z.optional(nonEmptyText),
  imageDir: z.optional(nonEmptyText),
  backend: z.optional(
    z.enum(["auto", "qemu", "firecracker"], { error: 'must be one of "auto", "qemu", "firecracker"' }),
  ),
});

/** @throws {ValidationError} `INVALID_OPTION`. */
export function parseManagerOptions(options: unknown): SmolVMManagerOptions {
  return parseOptions(schema as z.ZodMiniType<SmolVMManagerOptions>, options, "SmolVMManager");
}
