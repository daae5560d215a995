/**
 * Bytes that a guest wrote, without the control characters that would move the cursor or reprogram the terminal that shows
 * them. Newlines and tabs stay; works on single bytes, so that a chunk may end inside a character.
 */
export function cleanForTerminal(chunk: Buffer): Buffer {
  return chunk.filter((byte) => byte === 0x0a || byte === 0x09 || (byte >= 0x20 && byte !== 0x7f)) as Buffer;
}
