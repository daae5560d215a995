import { chmod, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { ImageError } from "../errors/smolvm-error.ts";
import { type Image, IMAGE_FILE_KEYS, IMAGE_FILE_NAMES, type ImageManifest, isImageName } from "./image.ts";
import { computeImageId, digestImageFiles, imageAt, isStampValid, syncPath, writeStamp } from "./image-files.ts";
import { assertImageName, ImageNames, readdirIfPresent } from "./image-names.ts";
import { assertSizes, notFound, readManifest, verifyFiles, writeManifest } from "./image-verify.ts";
import { createStagingDir, discardDir, pruneStaging, type StagingDir } from "./staging.ts";

/** An image that was built but is not in the store yet: a directory with its files, and what is known of it. */
export interface StagedImage {
  /** Holds the three files under their final names; on the same file system as the store. */
  readonly dir: string;
  /** The manifest without what follows from the files. */
  readonly facts: Omit<ImageManifest, "formatVersion" | "id" | "files">;
}

/** An image that cannot be used, and why. */
export interface DamagedImage {
  readonly id: string;
  readonly dir: string;
  readonly problem: ImageError;
}

/** What a store holds. */
export interface ImageListing {
  /** Newest first. */
  readonly images: readonly Image[];
  readonly damaged: readonly DamagedImage[];
}

/** Answers with the ids of the VMs that use an image. */
export type FindUsers = (image: Image) => readonly string[] | Promise<readonly string[]>;

/** What {@link ImageStore.prune} did. */
export interface PruneResult {
  readonly removed: readonly Image[];
  /** Superseded images that VMs still use. */
  readonly kept: readonly Image[];
  /** How many directories of interrupted builds were deleted. */
  readonly stagingRemoved: number;
}

const MIN_PREFIX_DIGITS = 6;
const DIR_PREFIX = "sha256-";
/** No recipe has this digest. */
const NO_RECIPE = "0".repeat(64);

/**
 * Images on disk, in directories named after their content. Any number of processes may use one store at once.
 *
 * ```text
 * sha256-ID/{manifest.json,kernel,initramfs,rootfs.ext4,verified.json}
 * names/NAME    the id that a name stands for
 * staging/      builds that are being made
 * locks/        which process builds what
 * ```
 *
 * A directory `sha256-…` appears whole by one rename and disappears by one, so no half image is ever seen.
 */
export class ImageStore {
  readonly imageDir: string;
  readonly #names: ImageNames;

  /** `imageDir` is made, for its owner only, with the first image. */
  constructor(imageDir: string) {
    this.imageDir = imageDir;
    this.#names = new ImageNames(imageDir);
  }

  /** Lists all images without reading their files; damaged ones are reported beside the good ones. */
  async list(): Promise<ImageListing> {
    const ids = await this.#listIds();
    const found = await Promise.all(ids.map((id) => this.#describe(id)));
    const images = found.filter((entry): entry is Image => "manifest" in entry);
    return {
      images: images.toSorted((a, b) => b.manifest.createdAt.localeCompare(a.manifest.createdAt)),
      damaged: found.filter((entry): entry is DamagedImage => "problem" in entry),
    };
  }

  /**
   * Finds an image by its name (the newest one of that name), its id or the beginning of its id (6 digits or more), and
   * verifies it: by size, modification time and inode of its files, and by their digests when those have changed.
   *
   * @throws {ValidationError} `INVALID_OPTION` when the text can be neither a name nor an id.
   * @throws {ImageError} `IMAGE_NOT_FOUND`, or `IMAGE_CORRUPT` when its files are not what they were.
   */
  async resolve(nameOrId: string, options: { readonly signal?: AbortSignal } = {}): Promise<Image> {
    const id = await this.#findId(nameOrId);
    return await this.#verify(id, options.signal);
  }

  /** The newest image that was built from exactly this recipe, or undefined. */
  async findByRecipe(recipeDigest: string): Promise<Image | undefined> {
    const { images } = await this.list();
    return images.find((image) => image.manifest.recipeDigest === recipeDigest);
  }

  /** Makes the store if it is not there, and a directory in it for a build. @internal */
  async createStaging(): Promise<StagingDir> {
    await this.ensureDir();
    return await createStagingDir(this.imageDir);
  }

  /** Path of the lock file for some work in this store. */
  lockPath(key: string): string {
    return join(this.imageDir, "locks", key);
  }

  /**
   * Takes a built image into the store and points its name to it. Digests are computed here, so a manifest never says
   * what is not so. The staged directory is gone afterwards.
   *
   * When the store holds the same content already, that is kept (and repaired if it was damaged), with the new facts.
   *
   * @throws {ImageError} `IMAGE_CORRUPT` when an `id` is given and the content has another one.
   * @internal
   */
  async add(
    staged: StagedImage,
    options: { readonly signal?: AbortSignal | undefined; readonly id?: string } = {},
  ): Promise<Image> {
    assertImageName(staged.facts.name);
    await this.ensureDir();
    const files = await digestImageFiles(staged.dir, options.signal);
    const id = computeImageId(staged.facts.arch, files);
    if (id !== (options.id ?? id)) {
      throw new ImageError("IMAGE_CORRUPT", `expected the files of the image ${options.id}, got those of ${id}`);
    }
    const manifest: ImageManifest = { formatVersion: 1, id, ...staged.facts, files };
    const paths = IMAGE_FILE_KEYS.map((key) => join(staged.dir, IMAGE_FILE_NAMES[key]));
    await Promise.all(paths.map((path) => chmod(path, 0o444)));
    await writeManifest(staged.dir, manifest);
    await writeStamp(staged.dir);
    await Promise.all([...paths, staged.dir].map(syncPath));
    options.signal?.throwIfAborted();
    await this.#publish(staged.dir, manifest);
    await this.#names.set(staged.facts.name, id);
    return imageAt(this.#dirOf(id), manifest);
  }

  /**
   * Takes in an image that was made elsewhere, if its files are those that its id says, under a name of its own: nothing in it
   * decides what another name stands for, or passes for the result of a build. The directory is gone afterwards.
   *
   * @throws {ImageError} `IMAGE_CORRUPT` when the files are others.
   * @internal
   */
  async adopt(
    dir: string,
    { id, arch, createdAt, source, kernelRelease, agentVersion }: ImageManifest,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Image> {
    const name = `imported-${id.slice(0, 12)}`;
    const facts = { name, arch, createdAt, source, kernelRelease, agentVersion, recipeDigest: NO_RECIPE };
    return await this.add({ dir, facts }, { ...options, id });
  }

  /**
   * Removes an image. Its name goes to the newest image of that name that is left.
   *
   * @throws {ImageError} `IMAGE_NOT_FOUND`, or `IMAGE_IN_USE` with the users' ids.
   */
  async remove(nameOrId: string, options: { readonly inUse?: FindUsers } = {}): Promise<{ readonly id: string }> {
    const id = await this.#findId(nameOrId);
    const entry = await this.#describe(id);
    if ("manifest" in entry) {
      const users = (await options.inUse?.(entry)) ?? [];
      if (users.length > 0) {
        throw new ImageError(
          "IMAGE_IN_USE",
          `the image ${nameOrId} is used by ${users.length} VM(s) or snapshot(s): ${users.join(", ")}`,
          {
            details: { id, users },
          },
        );
      }
    }
    await this.#discard(id);
    return { id };
  }

  /** Removes images that no name points to and no VM uses, and what interrupted builds left. */
  async prune(options: { readonly inUse: FindUsers }): Promise<PruneResult> {
    const [{ images }, names] = await Promise.all([this.list(), this.#names.all()]);
    const current = new Set(names.values());
    const removed: Image[] = [];
    const kept: Image[] = [];
    for (const image of images.filter(({ manifest }) => !current.has(manifest.id))) {
      if ((await options.inUse(image)).length > 0) {
        kept.push(image);
        continue;
      }
      await this.#discard(image.manifest.id);
      removed.push(image);
    }
    const staging = await pruneStaging(this.imageDir);
    return { removed, kept, stagingRemoved: staging.length };
  }

  /** Lets a name stand for an image that is in the store. */
  async setName(name: string, id: string): Promise<void> {
    assertImageName(name);
    if ((await this.#names.get(name)) !== id) await this.#names.set(name, id);
  }

  /** The names that point to an image. */
  async namesOf(id: string): Promise<string[]> {
    const names = await this.#names.all();
    return [...names].filter(([, target]) => target === id).map(([name]) => name);
  }

  #dirOf(id: string): string {
    return join(this.imageDir, `${DIR_PREFIX}${id}`);
  }

  /** Makes the store's directory if it is not there. */
  async ensureDir(): Promise<void> {
    const isNew = (await mkdir(this.imageDir, { recursive: true, mode: 0o700 })) !== undefined;
    // mkdir gives the mode to each directory it makes, less the umask.
    if (isNew) await chmod(this.imageDir, 0o700);
  }

  async #listIds(): Promise<string[]> {
    const names = await readdirIfPresent(this.imageDir);
    return names
      .filter((name) => name.startsWith(DIR_PREFIX))
      .map((name) => name.slice(DIR_PREFIX.length))
      .filter((id) => /^[0-9a-f]{64}$/.test(id));
  }

  async #findId(nameOrId: string): Promise<string> {
    const text = nameOrId.replace(/^sha256[-:]/, "");
    const isId = /^[0-9a-f]+$/.test(text) && text.length >= MIN_PREFIX_DIGITS && text.length <= 64;
    if (!isId) assertImageName(nameOrId);
    if (text.length === 64 && isId) return text;
    if (isImageName(nameOrId)) {
      const id = await this.#names.get(nameOrId);
      if (id !== undefined) return id;
    }
    const ids = isId ? (await this.#listIds()).filter((id) => id.startsWith(text)) : [];
    const [only] = ids;
    if (only !== undefined && ids.length === 1) return only;
    throw notFound(
      nameOrId,
      ids.length > 1 ? `${ids.length} images have an id that begins with` : "no image is called",
      {
        imageDir: this.imageDir,
      },
    );
  }

  async #verify(id: string, signal: AbortSignal | undefined): Promise<Image> {
    const dir = this.#dirOf(id);
    const [manifest, isKnown] = await Promise.all([readManifest(dir, id), isStampValid(dir)]);
    if (isKnown) return imageAt(dir, manifest);
    await verifyFiles(dir, manifest, signal);
    await writeStamp(dir);
    return imageAt(dir, manifest);
  }

  /** The image of an id, looked at without reading its files; its damage if there is any to see. */
  async #describe(id: string): Promise<Image | DamagedImage> {
    const dir = this.#dirOf(id);
    try {
      const manifest = await readManifest(dir, id);
      await assertSizes(dir, manifest);
      return imageAt(dir, manifest);
    } catch (error) {
      if (error instanceof ImageError) return { id, dir, problem: error };
      throw error;
    }
  }

  /** Moves a complete directory to its place. */
  async #publish(stagedDir: string, manifest: ImageManifest): Promise<void> {
    const dir = this.#dirOf(manifest.id);
    for (;;) {
      try {
        await rename(stagedDir, dir);
        await syncPath(this.imageDir);
        return;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
      }
      const isGood = await verifyFiles(dir, manifest).then(
        () => true,
        () => false, // damaged: the staged copy takes its place in the next round
      );
      if (isGood) {
        await writeManifest(dir, manifest);
        await writeStamp(dir);
        await rm(stagedDir, { recursive: true, force: true });
        return;
      }
      await discardDir(this.imageDir, dir);
    }
  }

  async #discard(id: string): Promise<void> {
    const names = await this.namesOf(id);
    await discardDir(this.imageDir, this.#dirOf(id));
    const { images } = await this.list();
    for (const name of names) {
      const next = images.find((image) => image.manifest.name === name);
      if (next) await this.#names.set(name, next.manifest.id);
      else await this.#names.delete(name);
    }
  }
}
