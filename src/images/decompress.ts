import { randomBytes } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { decompressLz4Legacy, isLz4Legacy } from "./lz4-legacy.ts";
import { runTool } from "./run-tool.ts";

/** How a kernel or module is packed. */
export type Compression = "gzip" | "xz" | "zstd" | "lz4";

/** Tells by magic numbers how bytes are compressed; undefined when by none of the formats known here. */
export function identifyCompression(bytes: Uint8Array): Compression | undefined {
  const starts = (...magic: number[]): boolean => magic.every((byte, index) => bytes[index] === byte);
  if (starts(0x1f, 0x8b)) return "gzip";
  if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return "xz";
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return "zstd";
  if (isLz4Legacy(bytes)) return "lz4";
  return undefined;
}

/**
 * Decompresses bytes in one of the formats of {@link identifyCompression}. xz, which Node lacks, goes through the
 * program `xz` and a file in `workDir`.
 *
 * @throws {RangeError | Error} when the bytes are damaged.
 * @throws {ImageError} `IMAGE_BUILD_FAILED` when `xz` refuses them.
 */
export async function decompress(
  bytes: Buffer,
  compression: Compression,
  options: { readonly workDir: string; readonly signal?: AbortSignal },
): Promise<Buffer> {
  switch (compression) {
    case "gzip":
      return gunzipSync(bytes);
    case "zstd":
      return zstdDecompressSync(bytes);
    case "lz4":
      return decompressLz4Legacy(bytes);
    case "xz":
      return await decompressXz(bytes, options.workDir, options.signal);
  }
}

async function decompressXz(bytes: Buffer, workDir: string, signal: AbortSignal | undefined): Promise<Buffer> {
  const plainPath = join(workDir, `unpack-${randomBytes(6).toString("hex")}`);
  const packedPath = `${plainPath}.xz`;
  try {
    await writeFile(packedPath, bytes);
    await runTool(["xz", "--decompress", "--keep", "--no-warn", packedPath], { signal });
    return await readFile(plainPath);
  } finally {
    await Promise.all([rm(packedPath, { force: true }), rm(plainPath, { force: true })]);
  }
}
