import { ImageError } from "../errors/smolvm-error.ts";
import { decompress, identifyCompression } from "./decompress.ts";
import { hasPvhEntry } from "./elf.ts";
import { identifyKernelBytes } from "./kernel-file.ts";

const SECTOR_BYTES = 512;
/** Since boot protocol 2.08 the header says where the payload is. */
const MIN_PROTOCOL = 0x0208;
/** The kernel's build appends the uncompressed size to formats that do not carry it. */
const SIZE_TRAILER_BYTES = 4;

/**
 * Takes from a distribution's kernel the form that boots fastest.
 *
 * x86: the `vmlinux` packed in a bzImage, which saves the guest its own decompression (0.2 to 0.7 s under software
 * emulation). It is taken only when it has a PVH entry point, without which QEMU cannot start it; otherwise, and for a
 * packing unknown here, the bzImage itself is the answer. arm64: the `Image`, unpacked where it came gzipped or as an
 * EFI zboot image. A kernel that is already unpacked is returned as it is.
 *
 * Formats: Linux, Documentation/arch/x86/boot.rst (fields setup_sects, payload_offset, payload_length) and
 * drivers/firmware/efi/libstub/zboot-header.S.
 *
 * @throws {ImageError} `IMAGE_BUILD_FAILED` when the bytes are no kernel.
 */
export async function unpackKernel(
  kernel: Buffer,
  options: { readonly workDir: string; readonly signal?: AbortSignal },
): Promise<Buffer> {
  const kind = identifyKernelBytes(kernel);
  if (kind === "vmlinux" || kind === "arm64-image") return kernel;
  if (kind === "bzimage") return await unpackBzImage(kernel, options);

  const payload = zbootPayload(kernel) ?? kernel;
  const compression = identifyCompression(payload);
  if (compression !== undefined) {
    const plain = await decompress(payload, compression, options);
    if (identifyKernelBytes(plain) === "arm64-image") return plain;
  }
  throw new ImageError(
    "IMAGE_BUILD_FAILED",
    "expected a bzImage, an arm64 Image or a vmlinux, got another kind of file",
  );
}

async function unpackBzImage(
  kernel: Buffer,
  options: { readonly workDir: string; readonly signal?: AbortSignal },
): Promise<Buffer> {
  if (kernel.readUInt16LE(0x206) < MIN_PROTOCOL) return kernel;
  const setupSectors = kernel[0x1f1] || 4; // 0 means 4, says the protocol
  const start = (setupSectors + 1) * SECTOR_BYTES + kernel.readUInt32LE(0x248);
  const payload = kernel.subarray(start, start + kernel.readUInt32LE(0x24c));
  const compression = identifyCompression(payload);
  if (compression === undefined) return kernel;
  const packed = compression === "gzip" ? payload : payload.subarray(0, -SIZE_TRAILER_BYTES);
  const plain = await decompress(packed, compression, options);
  return identifyKernelBytes(plain) === "vmlinux" && hasPvhEntry(plain) ? plain : kernel;
}

function zbootPayload(kernel: Buffer): Buffer | undefined {
  if (kernel.length < 64 || kernel.toString("latin1", 4, 8) !== "zimg") return undefined;
  const start = kernel.readUInt32LE(8);
  return kernel.subarray(start, start + kernel.readUInt32LE(12));
}
