import { createHash, scryptSync } from "node:crypto";
import { debianGuestConfig } from "./debian-guest-config.ts";
import { DPKG_OPTIONS } from "./debian-rootfs.ts";
import type { GuestArch } from "./image.ts";
import { GUEST_MODULES } from "./initramfs.ts";
import { EXTENDED_OPTIONS, MKFS_OPTIONS } from "./make-ext4.ts";

/** What a Debian image is built from. Two builds of equal recipes give interchangeable images. */
export interface DebianRecipe {
  readonly arch: GuestArch;
  /** Code name of the release. */
  readonly suite: string;
  readonly packages: readonly string[];
  readonly agentSha256: string;
  readonly rootfsMiB?: number | undefined;
  readonly sshPassword?: string | undefined;
}

/** To be raised when a change of the code changes what it builds without changing what {@link digestRecipe} sees. */
const RECIPE_VERSION = 1;

/** What the default image has besides Debian's required packages. */
export const DEBIAN_PACKAGES: readonly string[] = [
  "ca-certificates",
  "curl",
  "iproute2",
  "openssh-server",
  "procps",
  "python3",
];

/**
 * The digest that names a recipe: of its fields and of all constants that go into the build. A password goes in
 * through scrypt, so that the digest, which is no secret, is no quicker way to guess it than the image's own shadow file.
 */
export function digestRecipe(recipe: DebianRecipe): string {
  const { sshPassword, ...fields } = recipe;
  const password = sshPassword === undefined ? null : scryptSync(sshPassword, "smolvm recipe", 32).toString("hex");
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  const text = JSON.stringify([
    RECIPE_VERSION,
    given.toSorted(([a], [b]) => (a < b ? -1 : 1)),
    password,
    debianGuestConfig({ passwordLogin: sshPassword !== undefined }),
    DPKG_OPTIONS,
    MKFS_OPTIONS,
    EXTENDED_OPTIONS,
    GUEST_MODULES,
  ]);
  return createHash("sha256").update(text).digest("hex");
}

/** A filesystem id that follows from a recipe: version 8 (custom) of RFC 9562 over the digest. */
export function recipeUuid(recipeDigest: string): string {
  const variant = "89ab".charAt(Number.parseInt(recipeDigest.charAt(16), 16) & 3);
  return recipeDigest.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, `$1-$2-8$3-${variant}$4-$5`);
}
