const FRAME_MAGIC = 0x184c2102;
/** The legacy format's fixed size of an uncompressed block. */
const MAX_BLOCK_BYTES = 8 * 1024 * 1024;
const MIN_MATCH_BYTES = 4;

/** Whether the bytes start with the magic number of an LZ4 legacy frame, the kind that Linux kernels are packed in. */
export function isLz4Legacy(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && Buffer.from(bytes.buffer, bytes.byteOffset, 4).readUInt32LE() === FRAME_MAGIC;
}

/**
 * Decompresses an LZ4 legacy frame.
 *
 * Node's zlib has every other format that kernels are packed in except xz and this one, and the host may lack `lz4`.
 * Bytes after the last whole block (the kernel's build appends the uncompressed size) are ignored.
 *
 * Format: LZ4 project, doc/lz4_Frame_format.md (Legacy frame) and doc/lz4_Block_format.md.
 *
 * @throws {RangeError} when the bytes are no legacy frame, or end or point outside of a block.
 */
export function decompressLz4Legacy(input: Buffer): Buffer {
  if (!isLz4Legacy(input)) throw new RangeError("expected the magic number of an LZ4 legacy frame");
  const blocks: Buffer[] = [];
  let at = 4;
  while (at + 4 <= input.length) {
    const sizeBytes = input.readUInt32LE(at);
    at += 4;
    if (sizeBytes === FRAME_MAGIC) continue; // frames may be concatenated
    if (at + sizeBytes > input.length) break; // what follows the last block is no block
    blocks.push(decompressBlock(input.subarray(at, at + sizeBytes)));
    at += sizeBytes;
  }
  if (blocks.length === 0) throw new RangeError("the LZ4 frame ends before its first block does");
  return Buffer.concat(blocks);
}

function decompressBlock(input: Buffer): Buffer {
  const output = Buffer.allocUnsafe(MAX_BLOCK_BYTES);
  let from = 0;
  let to = 0;
  const readLength = (nibble: number): number => {
    let length = nibble;
    if (nibble !== 15) return length;
    for (;;) {
      const byte = input[from++];
      if (byte === undefined) throw new RangeError("an LZ4 block ends within a length");
      length += byte;
      if (byte !== 255) return length;
    }
  };
  while (from < input.length) {
    const token = input[from++] ?? 0;
    const literals = readLength(token >> 4);
    if (from + literals > input.length || to + literals > output.length) {
      throw new RangeError("an LZ4 block's literals run past its end");
    }
    to += input.copy(output, to, from, from + literals);
    from += literals;
    if (from === input.length) break; // the last sequence has no match
    const distance = (input[from] ?? 0) | ((input[from + 1] ?? 0) << 8);
    from += 2;
    const length = readLength(token & 15) + MIN_MATCH_BYTES;
    if (distance === 0 || distance > to || to + length > output.length) {
      throw new RangeError("an LZ4 block's match points outside of the output");
    }
    to = copyMatch(output, to, distance, length);
  }
  return output.subarray(0, to);
}

/** A match may overlap what it writes (distance < length), which repeats its bytes. */
function copyMatch(output: Buffer, to: number, distance: number, length: number): number {
  if (distance >= length) {
    output.copyWithin(to, to - distance, to - distance + length);
    return to + length;
  }
  for (let i = 0; i < length; i++) output[to + i] = output[to + i - distance] ?? 0;
  return to + length;
}
