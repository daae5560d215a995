import * as z from "zod/mini";
import type { NetworkMode } from "../../config/network-config.ts";
import type { BackendName } from "../../config/vm-config.ts";
import { parseVmConfig } from "../../config/parse-vm-config.ts";
import { VM_ID_PATTERN } from "../../config/vm-id.ts";
import { type ImageManifest, parseManifest } from "../../images/image.ts";
import { archiveCorrupt } from "../../snapshots/archive/archive-corrupt.ts";
import type { JsonValue } from "../../snapshots/archive/archive-format.ts";
import type { SavedMachine, SavedMemory } from "../../snapshots/layer.ts";

/** What an archive says of the snapshot in it. No path of any machine is in it, and no id that another machine would know. */
export interface SnapshotArchiveManifest {
  readonly formatVersion: 1;
  readonly name: string | null;
  readonly vmId: string;
  /** That of the VM, as far as it is not of the machine that it was on. */
  readonly config: {
    readonly vcpuCount: number;
    readonly memoryMiB: number;
    readonly diskMiB: number;
    readonly bootArgs: string;
    readonly env: Readonly<Record<string, string>>;
    readonly network: NetworkMode;
    readonly backend: BackendName;
  };
  /** Size of the disk that the guest sees. */
  readonly diskSizeBytes: number;
  readonly image: ImageManifest;
  readonly includesImage: boolean;
  /** How many disks lie one on the other, above the image; the lowest is the entry `disk-0`. */
  readonly diskCount: number;
  /** null: the disk alone was saved. */
  readonly memory: (Pick<SavedMemory, "hasInterface" | "state"> & { readonly machine: ArchivedMachine }) | null;
  /** About how much room disks and memory take, without their holes. */
  readonly dataBytes: number;
}

/** A machine as others can be compared with it: their programs lie elsewhere. */
export type ArchivedMachine = Omit<SavedMachine, "program">;

/** Names of the entries that are no disks. Those of the image are its files' own. */
export const MEMORY_ENTRY = "memory";
export const STATE_ENTRY = "state";

/** The name of a disk's entry; 0 is the lowest. */
export function diskEntry(index: number): string {
  return `disk-${index}`;
}

/** Chains are as long as the history of a VM; beyond this, nothing could open them. */
const MAX_DISKS = 512;
const SECTOR_BYTES = 512;

const text = z.string().check(z.maxLength(16_384));
const bytes = z.int().check(z.nonnegative());

const schema = z.strictObject({
  formatVersion: z.literal(1),
  name: z.nullable(z.string().check(z.regex(VM_ID_PATTERN))),
  vmId: z.string().check(z.regex(VM_ID_PATTERN)),
  config: z.strictObject({
    vcpuCount: z.int(),
    memoryMiB: z.int(),
    diskMiB: z.int(),
    bootArgs: text,
    env: z.record(z.string(), z.string()),
    network: z.enum(["auto", "tap", "user", "none"]),
    backend: z.enum(["qemu", "firecracker"]),
  }),
  diskSizeBytes: bytes.check(z.minimum(SECTOR_BYTES), z.multipleOf(SECTOR_BYTES)),
  image: z.unknown(),
  includesImage: z.boolean(),
  diskCount: z.int().check(z.minimum(0), z.maximum(MAX_DISKS)),
  memory: z.nullable(
    z.strictObject({
      hasInterface: z.boolean(),
      machine: z.strictObject({ identity: text, version: text, accelerator: text, cpu: text }),
      state: z.strictObject({
        sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
        sizeBytes: bytes,
        includesMemory: z.boolean(),
      }),
    }),
  ),
  dataBytes: bytes,
});

/**
 * Reads what an archive says of itself, which may be anything.
 *
 * @throws {SmolVMError} `SNAPSHOT_CORRUPT` that names the first wrong part.
 */
export function parseArchiveManifest(value: JsonValue): SnapshotArchiveManifest {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw archiveCorrupt(`its manifest is wrong at "${issue?.path.join(".")}": ${issue?.message}`);
  }
  try {
    parseVmConfig(parsed.data.config);
    return { ...parsed.data, image: parseManifest(JSON.stringify(parsed.data.image), "of the image") };
  } catch (cause) {
    throw archiveCorrupt((cause as Error).message, cause);
  }
}
