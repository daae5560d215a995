import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { identifySelf } from "../process/process-identity.ts";
import {
  type GuestArch,
  type Image,
  IMAGE_FILE_KEYS,
  IMAGE_FILE_NAMES,
  type ImageFile,
  type ImageManifest,
} from "./image.ts";

const READ_BYTES = 1024 * 1024;

/** Digest and size of each file of an image. */
export type ImageFiles = ImageManifest["files"];

/** The handle of an image whose manifest is known. */
export function imageAt(dir: string, manifest: ImageManifest): Image {
  const path = (key: keyof ImageFiles): string => join(dir, IMAGE_FILE_NAMES[key]);
  return { manifest, dir, kernelPath: path("kernel"), initrdPath: path("initramfs"), rootfsPath: path("rootfs") };
}

/** The id of an image: what it holds decides, not when, where or from what it was built. */
export function computeImageId(arch: GuestArch, files: ImageFiles): string {
  const lines = IMAGE_FILE_KEYS.map((key) => `${key} ${files[key].sha256} ${files[key].sizeBytes}\n`);
  return createHash("sha256")
    .update(`smolvm image 1\narch ${arch}\n${lines.join("")}`)
    .digest("hex");
}

/** Reads an image's files whole and tells their digests. */
export async function digestImageFiles(dir: string, signal?: AbortSignal): Promise<ImageFiles> {
  const [kernel, initramfs, rootfs] = await Promise.all(
    ([IMAGE_FILE_NAMES.kernel, IMAGE_FILE_NAMES.initramfs, IMAGE_FILE_NAMES.rootfs] as const).map((name) =>
      digestFile(join(dir, name), signal),
    ) as [Promise<ImageFile>, Promise<ImageFile>, Promise<ImageFile>],
  );
  return { kernel, initramfs, rootfs };
}

/** Digest and size of a file. */
export async function digestFile(path: string, signal?: AbortSignal): Promise<ImageFile> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const stream = createReadStream(path, { highWaterMark: READ_BYTES, ...(signal ? { signal } : {}) });
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { sha256: hash.digest("hex"), sizeBytes };
}

/**
 * Asks whether the files are still those that were read whole the last time: size, modification time and inode of each
 * are in the stamp beside them. It costs four small file operations instead of reading hundreds of MB.
 */
export async function isStampValid(dir: string): Promise<boolean> {
  try {
    const [stamp, current] = await Promise.all([readFile(join(dir, STAMP_NAME), "utf8"), describeFiles(dir)]);
    return stamp === current;
  } catch {
    return false; // no stamp, or a file is missing: reading everything will tell
  }
}

/** Notes the state of files that were just read whole and found right. Without it, the next use reads them again. */
export async function writeStamp(dir: string): Promise<void> {
  try {
    await writeFileAtomically(join(dir, STAMP_NAME), await describeFiles(dir));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EACCES" && code !== "EROFS" && code !== "EPERM") throw error;
    // A store that may only be read works as well, if slower.
  }
}

const STAMP_NAME = "verified.json";

async function describeFiles(dir: string): Promise<string> {
  const stats = await Promise.all(
    IMAGE_FILE_KEYS.map(async (key) => {
      const { size, mtimeNs, ino } = await stat(join(dir, IMAGE_FILE_NAMES[key]), { bigint: true });
      return [key, { sizeBytes: String(size), mtimeNs: String(mtimeNs), inode: String(ino) }] as const;
    }),
  );
  return `${JSON.stringify(Object.fromEntries(stats))}\n`;
}

let counter = 0;

/** Replaces a small file so that a reader sees the old content or the new one, also after a crash. */
export async function writeFileAtomically(path: string, content: string): Promise<void> {
  const { pid } = identifySelf();
  const temporaryPath = `${path}.${pid}-${counter++}.tmp`;
  await writeFile(temporaryPath, content, { flush: true });
  await rename(temporaryPath, path);
}

/** Makes what was written to a file or directory survive a crash of the machine. */
export async function syncPath(path: string): Promise<void> {
  await using handle = await open(path, "r");
  await handle.sync();
}
