import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { ImageError, SmolVMError } from "../errors/smolvm-error.ts";
import { IMAGE_FILE_KEYS, IMAGE_FILE_NAMES, type ImageManifest, parseManifest } from "./image.ts";
import { computeImageId, digestImageFiles, writeFileAtomically } from "./image-files.ts";

/** Writes the manifest of an image's directory. */
export async function writeManifest(dir: string, manifest: ImageManifest): Promise<void> {
  await writeFileAtomically(join(dir, "manifest.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

/**
 * Reads the manifest of an image's directory and checks that it adds up to the id.
 *
 * @throws {ImageError} `IMAGE_NOT_FOUND` when there is no such directory, `IMAGE_CORRUPT` when the manifest is wrong.
 */
export async function readManifest(dir: string, id: string): Promise<ImageManifest> {
  const path = join(dir, "manifest.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
    const exists = await stat(dir).then(
      () => true,
      () => false, // the image itself is missing
    );
    if (!exists) throw notFound(id, "no image has the id", { dir });
    throw new ImageError("IMAGE_CORRUPT", `the image ${id} has no manifest`, { cause, details: { dir } });
  }
  const manifest = parseManifest(text, path);
  if (manifest.id !== id || computeImageId(manifest.arch, manifest.files) !== id) {
    throw new ImageError("IMAGE_CORRUPT", `expected the manifest of image ${id}, got one that does not add up to it`, {
      details: { path },
    });
  }
  return manifest;
}

/**
 * Reads an image's files whole and compares their digests with the manifest's.
 *
 * @throws {ImageError} `IMAGE_CORRUPT` that names the file.
 */
export async function verifyFiles(dir: string, manifest: ImageManifest, signal?: AbortSignal): Promise<void> {
  await assertSizes(dir, manifest);
  const actual = await digestImageFiles(dir, signal);
  for (const key of IMAGE_FILE_KEYS) {
    if (actual[key].sha256 === manifest.files[key].sha256) continue;
    throw new ImageError(
      "IMAGE_CORRUPT",
      `the file ${IMAGE_FILE_NAMES[key]} of image ${manifest.name} was changed: expected the digest ` +
        `${manifest.files[key].sha256}, got ${actual[key].sha256}`,
      { details: { dir, file: IMAGE_FILE_NAMES[key] } },
    );
  }
}

/**
 * Compares the size of an image's files with the manifest's, without reading them.
 *
 * @throws {ImageError} `IMAGE_CORRUPT` that names the file.
 */
export async function assertSizes(dir: string, manifest: ImageManifest): Promise<void> {
  for (const key of IMAGE_FILE_KEYS) await assertSize(dir, manifest, key);
}

async function assertSize(dir: string, manifest: ImageManifest, key: keyof ImageManifest["files"]): Promise<void> {
  const path = join(dir, IMAGE_FILE_NAMES[key]);
  const actual = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === "ENOENT"
      ? new ImageError("IMAGE_CORRUPT", `the image ${manifest.name} lacks its file ${IMAGE_FILE_NAMES[key]}`, { cause })
      : new SmolVMError("IO_ERROR", `cannot read ${path}: ${cause.message}`, { cause });
  });
  if (actual.size === manifest.files[key].sizeBytes) return;
  throw new ImageError(
    "IMAGE_CORRUPT",
    `expected ${manifest.files[key].sizeBytes} bytes in ${path}, got ${actual.size}`,
    { details: { path } },
  );
}

/** The error for an image that is not there. */
export function notFound(nameOrId: string, reason: string, details: Readonly<Record<string, unknown>>): ImageError {
  return new ImageError("IMAGE_NOT_FOUND", `${reason} "${nameOrId}"`, { details: { ...details, image: nameOrId } });
}
