import * as z from "zod/mini";
import type { FileStamp } from "../host/file-stamp.ts";

/** What VMs must have in common to continue from one template; none of it is a path or a name. */
export interface TemplateShape {
  readonly imageId: string;
  readonly vcpuCount: number;
  readonly memoryMiB: number;
  /** Size of the template's disk. A VM's own disk may be larger. */
  readonly diskMiB: number;
  readonly accelerator: string;
  /** Whether it has a network interface. */
  readonly hasNetwork: boolean;
}

/** The content of a template's `template.json`. */
export interface TemplateManifest {
  readonly formatVersion: 1;
  readonly key: string;
  readonly createdAt: string;
  readonly shape: TemplateShape;
  readonly memory: FileStamp;
  readonly disk: FileStamp;
  /** The state is small enough to be read whole before each use. */
  readonly state: { readonly sha256: string };
}

/** A booted, ready VM, frozen to files. */
export interface Template {
  /** Its directory's name; the key is no such name, as VMs may still use what is left of an earlier one. */
  readonly name: string;
  readonly manifest: TemplateManifest;
  readonly dir: string;
  readonly memoryPath: string;
  readonly statePath: string;
  readonly diskPath: string;
}

const stamp = z.object({ sizeBytes: z.int(), mtimeMs: z.number(), inode: z.int() });

const manifestSchema: z.ZodMiniType<TemplateManifest> = z.object({
  formatVersion: z.literal(1),
  key: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  createdAt: z.iso.datetime(),
  shape: z.object({
    imageId: z.string(),
    vcpuCount: z.int(),
    memoryMiB: z.int(),
    diskMiB: z.int(),
    accelerator: z.string(),
    hasNetwork: z.boolean(),
  }),
  memory: stamp,
  disk: stamp,
  state: z.object({ sha256: z.string() }),
});

/** Reads a manifest; undefined for what is none, whatever the reason: such a template is made anew. */
export function parseTemplateManifest(text: string): TemplateManifest | undefined {
  try {
    const parsed = manifestSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined; // the answer
  }
}
