import { open } from "node:fs/promises";

/** What kind of kernel a file holds. */
export type KernelKind = "vmlinux" | "bzimage" | "arm64-image";

const HEAD_BYTES = 0x250;

/**
 * Tells by magic numbers what kind of kernel a file holds: an ELF `vmlinux`, an x86 `bzImage` (vmlinuz) or an arm64
 * `Image`; undefined for anything else.
 *
 * Formats: Linux, Documentation/arch/x86/boot.rst ("HdrS" at 0x202) and Documentation/arch/arm64/booting.rst
 * ("ARM\x64" at 56).
 *
 * @throws the file system's error when the file cannot be read.
 */
export async function identifyKernel(path: string): Promise<KernelKind | undefined> {
  await using file = await open(path, "r");
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
  return identifyKernelBytes(buffer.subarray(0, bytesRead));
}

/** {@link identifyKernel} for bytes in memory; the first 592 are enough. */
export function identifyKernelBytes(bytes: Uint8Array): KernelKind | undefined {
  const has = (offset: number, magic: string): boolean =>
    Buffer.from(bytes.subarray(offset, offset + magic.length)).equals(Buffer.from(magic, "latin1"));
  if (has(0, "\x7fELF")) return "vmlinux";
  if (has(0x1fe, "\x55\xaa") && has(0x202, "HdrS")) return "bzimage";
  if (has(56, "ARM\x64")) return "arm64-image";
  return undefined;
}
