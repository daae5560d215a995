import { MAX_EXTENT_BYTES, Tag, TreeFlag } from "../protocol/frame-types.ts";
import type { TreeEntry } from "./tree-entry.ts";
import { encodeRecord, encodeTreeEntry } from "./tree-record.ts";

/** Small entries are put together to blocks of this size, so that a thousand small files are a few writes. */
const BLOCK_BYTES = 131_072;

const LEAVE = encodeRecord([{ tag: Tag.FLAGS, value: TreeFlag.LEAVE }]);
const END = encodeRecord([]);

/** Writes a tree stream. Whoever calls sees to it that it is one: the guest refuses what is not. */
export class TreeWriter {
  readonly #send: (block: Buffer) => Promise<void>;
  #block: Buffer = Buffer.allocUnsafe(BLOCK_BYTES);
  #otherBlock: Buffer = Buffer.allocUnsafe(BLOCK_BYTES);
  #usedBytes = 0;
  #sending: Promise<void> = Promise.resolve();

  /** @param send - takes a block, whose memory is used again once it resolves. One is filled while another is sent. */
  constructor(send: (block: Buffer) => Promise<void>) {
    this.#send = send;
  }

  /** A link, or the beginning of a directory or file. */
  async entry(entry: TreeEntry): Promise<void> {
    await this.#put(encodeTreeEntry(entry));
  }

  /** A part of the content of the last file, behind all parts before. */
  async content(offset: number, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += MAX_EXTENT_BYTES) {
      const extent = bytes.subarray(at, at + MAX_EXTENT_BYTES);
      await this.#put(extentHeader(offset + at, extent.length));
      await this.#put(extent);
    }
  }

  /** The end of the last file. */
  async fileEnd(size: number): Promise<void> {
    await this.#put(extentHeader(size, 0));
  }

  /** The end of the innermost directory. */
  async leave(): Promise<void> {
    await this.#put(LEAVE);
  }

  /** The end of the tree; sends what is left. */
  async end(): Promise<void> {
    await this.#put(END);
    await this.#flush();
    await this.#sending;
  }

  async #put(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + BLOCK_BYTES - this.#usedBytes);
      this.#block.set(part, this.#usedBytes);
      this.#usedBytes += part.length;
      at += part.length;
      if (this.#usedBytes === BLOCK_BYTES) await this.#flush();
    }
  }

  async #flush(): Promise<void> {
    await this.#sending;
    this.#sending = this.#send(this.#block.subarray(0, this.#usedBytes));
    this.#sending.catch(() => {
      // Thrown where the next block waits for this one.
    });
    [this.#block, this.#otherBlock] = [this.#otherBlock, this.#block];
    this.#usedBytes = 0;
  }
}

function extentHeader(offset: number, length: number): Buffer {
  const header = Buffer.allocUnsafe(16);
  header.writeBigUInt64BE(BigInt(offset), 0);
  header.writeBigUInt64BE(BigInt(length), 8);
  return header;
}
