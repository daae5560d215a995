import * as z from "zod/mini";
import { ImageError } from "../errors/smolvm-error.ts";

/** A guest's processor architecture, as `uname -m` prints it. */
export type GuestArch = "x86_64" | "aarch64";

/** One file of an image. */
export interface ImageFile {
  /** Digest of the content, 64 hex digits. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** Where an image's content comes from. */
export interface ImageSource {
  readonly distribution: string;
  readonly suite: string;
  /** Names of the packages that were asked for; what they depend on came with them. */
  readonly packages: readonly string[];
  /** The kernel's package and its version, as in `linux-image-6.1.0-13-cloud-amd64 6.1.55-1`. */
  readonly kernelPackage: string;
}

/** What is known of an image: the content of its `manifest.json`. */
export interface ImageManifest {
  readonly formatVersion: 1;
  readonly name: string;
  /** sha256 over the architecture and the files' digests, 64 hex digits. */
  readonly id: string;
  readonly arch: GuestArch;
  /** When it was built, ISO 8601 in UTC. */
  readonly createdAt: string;
  readonly source: ImageSource;
  /** What `uname -r` prints in the guest. */
  readonly kernelRelease: string;
  readonly agentVersion: string;
  /** Digest of all that the build was made from; a build with the same one need not be repeated. */
  readonly recipeDigest: string;
  readonly files: { readonly kernel: ImageFile; readonly initramfs: ImageFile; readonly rootfs: ImageFile };
}

/** An image in a store: immutable, shared by all VMs that use it. */
export interface Image {
  readonly manifest: ImageManifest;
  readonly dir: string;
  readonly kernelPath: string;
  readonly initrdPath: string;
  readonly rootfsPath: string;
}

/** The names of an image's files in its directory. */
export const IMAGE_FILE_NAMES = { kernel: "kernel", initramfs: "initramfs", rootfs: "rootfs.ext4" } as const;
/** Which files an image has. */
export type ImageFileKey = keyof typeof IMAGE_FILE_NAMES;
/** All of them. */
export const IMAGE_FILE_KEYS: readonly ImageFileKey[] = ["kernel", "initramfs", "rootfs"];

const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const file = z.object({ sha256, sizeBytes: z.int().check(z.nonnegative()) });
/** Letters that are safe as a file name everywhere. */
const NAME = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/;

const manifestSchema: z.ZodMiniType<ImageManifest> = z.object({
  formatVersion: z.literal(1),
  name: z.string().check(z.regex(NAME)),
  id: sha256,
  arch: z.enum(["x86_64", "aarch64"]),
  createdAt: z.iso.datetime(),
  source: z.object({
    distribution: z.string(),
    suite: z.string(),
    packages: z.array(z.string()),
    kernelPackage: z.string(),
  }),
  kernelRelease: z.string(),
  agentVersion: z.string(),
  recipeDigest: sha256,
  files: z.object({ kernel: file, initramfs: file, rootfs: file }),
});

/** Whether a text may name an image: 1 to 63 of `a-z 0-9 . _ -`, beginning and ending with a letter or digit. */
export function isImageName(name: string): boolean {
  return NAME.test(name);
}

/**
 * Reads a manifest.
 *
 * @throws {ImageError} `IMAGE_CORRUPT` when it is no JSON or lacks something, naming the field.
 */
export function parseManifest(text: string, path: string): ImageManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ImageError("IMAGE_CORRUPT", `expected JSON in the manifest ${path}, got something else`, { cause });
  }
  const parsed = manifestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new ImageError(
    "IMAGE_CORRUPT",
    `the manifest ${path} is wrong at "${issue?.path.join(".")}": ${issue?.message}`,
  );
}
