import { resolveImageDir } from "../host/paths.ts";
import { type BuildProgress, buildDebianImage } from "./debian-image.ts";
import type { Image } from "./image.ts";
import { ImageStore } from "./image-store.ts";

/** How to build the Debian image. */
export interface BuildDebianSshOptions {
  /** What the image is called; default `debian`. */
  readonly name?: string;
  /** Sets root's password and allows logging in with it; by default only keys are accepted. */
  readonly sshPassword?: string;
  /** Size of the root filesystem in the image, under 1024; default: its content and at least 100 MiB free. */
  readonly rootfsMiB?: number;
  /** Build although an image of the same recipe exists; default false. */
  readonly force?: boolean;
  readonly onProgress?: (event: BuildProgress) => void;
  readonly signal?: AbortSignal;
}

/** The files of an image, as a VM's options take them. */
export interface BuiltImage {
  readonly kernelPath: string;
  readonly rootfsPath: string;
  readonly initrdPath: string;
}

/**
 * Builds images into an image directory.
 *
 * @example
 * ```ts
 * import { ImageBuilder, SmolVM } from "smolvm";
 *
 * const { kernelPath, rootfsPath, initrdPath } = await new ImageBuilder().buildDebianSsh();
 * await using vm = await SmolVM.launch({ kernelPath, rootfsPath, initrdPath });
 * ```
 */
export class ImageBuilder {
  /** Where images are kept. */
  readonly imageDir: string;

  /** `imageDir` defaults to `$SMOLVM_IMAGE_DIR`, else `$XDG_CACHE_HOME/smolvm/images`, else `~/.cache/smolvm/images`. */
  constructor(options: { readonly imageDir?: string } = {}) {
    this.imageDir = resolveImageDir(options.imageDir);
  }

  /**
   * Builds the Debian image with an SSH server, or finds it when it was built before.
   *
   * @throws {ValidationError} `INVALID_OPTION`.
   * @throws {HostError} `PREREQUISITE_MISSING` that says what to install.
   * @throws {ImageError} `IMAGE_BUILD_FAILED` with the end of the failing program's output.
   */
  async buildDebianSsh(options: BuildDebianSshOptions = {}): Promise<BuiltImage> {
    const { kernelPath, rootfsPath, initrdPath } = await this.buildDebian(options);
    return { kernelPath, rootfsPath, initrdPath };
  }

  /** {@link ImageBuilder.buildDebianSsh} with all that is known of the image. */
  async buildDebian(options: BuildDebianSshOptions = {}): Promise<Image> {
    return await buildDebianImage({ ...options, store: new ImageStore(this.imageDir) });
  }
}
