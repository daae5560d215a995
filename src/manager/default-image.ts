import { ImageError } from "../errors/smolvm-error.ts";
import type { BuildProgress } from "../images/debian-image.ts";
import { ImageBuilder } from "../images/image-builder.ts";
import type { Image } from "../images/image.ts";
import type { ImageStore } from "../images/image-store.ts";

/** The image of VMs that name none. */
export const DEFAULT_IMAGE = "debian";

/**
 * The image with this name or id. The default one is built when it is missing (about a minute, once a machine).
 *
 * @throws {ImageError} `IMAGE_NOT_FOUND`, `IMAGE_CORRUPT`, `IMAGE_BUILD_FAILED`.
 */
export async function resolveImage(
  store: ImageStore,
  nameOrId: string,
  options: { readonly onProgress?: (event: BuildProgress) => void; readonly signal?: AbortSignal },
): Promise<Image> {
  try {
    return await store.resolve(nameOrId);
  } catch (error) {
    const missing = error instanceof ImageError && error.code === "IMAGE_NOT_FOUND";
    if (!missing || nameOrId !== DEFAULT_IMAGE) throw error;
    return await new ImageBuilder({ imageDir: store.imageDir }).buildDebian(options);
  }
}
