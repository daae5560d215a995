import { createHash } from "node:crypto";
import { SmolVMError } from "../../errors/smolvm-error.ts";
import { DIGEST_BYTES, FORMAT_VERSION, MAGIC, PRELUDE_BYTES } from "./archive-format.ts";
import type { ByteSource } from "./byte-source.ts";
import { archiveCorrupt } from "./archive-corrupt.ts";

/** Puts magic number and version before the compressed content, and the digest of all behind it. */
export async function* seal(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const prelude = Buffer.alloc(PRELUDE_BYTES);
  MAGIC.copy(prelude);
  prelude.writeUInt32BE(FORMAT_VERSION, MAGIC.length);
  const digest = createHash("sha256").update(prelude);
  yield prelude;
  for await (const chunk of packed) {
    digest.update(chunk);
    yield chunk;
  }
  yield digest.digest();
}

/**
 * Looks at the first bytes of an archive and returns what is compressed in it. At its end this throws, if the seal is broken.
 *
 * @throws {SmolVMError} `SNAPSHOT_CORRUPT` for what is no archive, `SNAPSHOT_INCOMPATIBLE` for one of another version.
 */
export async function unseal(source: ByteSource): Promise<AsyncGenerator<Buffer, void, undefined>> {
  const magic = await source.takeUpTo(MAGIC.length);
  if (!magic.equals(MAGIC)) throw archiveCorrupt("it does not start like an archive of a snapshot");
  const version = await source.take(PRELUDE_BYTES - MAGIC.length);
  const formatVersion = version.readUInt32BE();
  if (formatVersion !== FORMAT_VERSION) {
    throw new SmolVMError(
      "SNAPSHOT_INCOMPATIBLE",
      `the archive has version ${formatVersion} of the format, and this release reads version ${FORMAT_VERSION}`,
      { details: { formatVersion } },
    );
  }
  return packedContent(source, Buffer.concat([magic, version]));
}

async function* packedContent(source: ByteSource, prelude: Buffer): AsyncGenerator<Buffer, void, undefined> {
  const digest = createHash("sha256").update(prelude);
  // Where the source ends is not known before it does: what may be the seal is kept back.
  let kept: Buffer = Buffer.alloc(0);
  for (;;) {
    const chunk = await source.takeSome();
    if (chunk.length === 0) break;
    for (const part of passOn(kept, chunk)) {
      digest.update(part);
      yield part;
    }
    kept = Buffer.concat([kept, chunk.subarray(-DIGEST_BYTES)]).subarray(-DIGEST_BYTES);
  }
  if (!digest.digest().equals(kept)) throw archiveCorrupt("its digest is another one than it says at its end");
}

/** All of the two but the last bytes, which are as many as a digest has. */
function passOn(kept: Buffer, chunk: Buffer): readonly Buffer[] {
  const bytes = Math.max(0, kept.length + chunk.length - DIGEST_BYTES);
  const parts = [kept.subarray(0, bytes), chunk.subarray(0, Math.max(0, bytes - kept.length))];
  return parts.filter((part) => part.length > 0);
}
