import type { FieldReader } from "../protocol/fields.ts";
import { MAX_EXTENT_BYTES, Tag, TreeFlag } from "../protocol/frame-types.ts";
import { protocolViolation } from "../protocol/protocol-violation.ts";
import { PieceReader } from "../protocol/piece-reader.ts";
import { RecordReader } from "../protocol/record-reader.ts";
import { parseTreeEntry } from "./tree-record.ts";
import { MAX_TREE_DEPTH, type TreeEvent } from "./tree-entry.ts";

const EXTENT_HEADER_BYTES = 16;

/**
 * Reads a tree stream, wherever its chunks are cut. Whatever a guest sends, it holds no more than one record, and what it
 * hands out is a tree: names are single components, directories are nested at most 512 deep and left as often as entered,
 * content rises within 2⁵³ bytes. Anything else is a violation of the protocol.
 */
export class TreeReader {
  readonly #pieces: PieceReader = new PieceReader();
  readonly #records: RecordReader = new RecordReader(this.#pieces);
  #state: "root" | "inside" | "extent" | "content" | "behind" | "ended" = "root";
  #depth = 0;
  /** Where the content of the file goes on, at the earliest. */
  #position = 0;
  #leftBytes = 0;

  /** What is complete with this chunk. Take one event before asking for the next: they share memory. */
  *push(chunk: Uint8Array): Generator<TreeEvent, void, undefined> {
    this.#pieces.give(chunk);
    for (;;) {
      const event = this.#next();
      if (event === "more") return;
      if (event !== "again") yield event;
    }
  }

  /** The stream has ended: the tree must be complete. */
  finish(): void {
    if (this.#state !== "ended") throw protocolViolation("a tree stream broke off before its end");
  }

  #next(): TreeEvent | "more" | "again" {
    switch (this.#state) {
      case "extent":
        return this.#readExtent();
      case "content":
        return this.#readContent();
      case "ended":
        if (this.#pieces.heldBytes > 0) throw protocolViolation("a tree stream goes on behind its end");
        return "more";
      case "root":
      case "inside":
      case "behind": {
        const record = this.#records.next();
        return record === undefined ? "more" : this.#readRecord(record);
      }
    }
  }

  #readRecord(record: FieldReader): TreeEvent | "again" {
    if (this.#state === "behind") {
      if (!record.entries().next().done) throw protocolViolation("a tree has a second root");
      this.#state = "ended";
      return "again";
    }
    if (((record.u32(Tag.FLAGS) ?? 0) & TreeFlag.LEAVE) !== 0) return this.#leave();
    const entry = parseTreeEntry(record, this.#state === "root");
    if (entry.type === "file") {
      this.#state = "extent";
      this.#position = 0;
    } else if (entry.type === "directory") {
      if (this.#depth === MAX_TREE_DEPTH) throw protocolViolation(`a tree is nested more than ${MAX_TREE_DEPTH} deep`);
      this.#depth += 1;
      this.#state = "inside";
    } else {
      this.#entryIsOver();
    }
    return { kind: "entry", entry };
  }

  #leave(): TreeEvent {
    if (this.#depth === 0) throw protocolViolation("a tree leaves a directory that it is not in");
    this.#depth -= 1;
    this.#entryIsOver();
    return { kind: "leave" };
  }

  #entryIsOver(): void {
    this.#state = this.#depth === 0 ? "behind" : "inside";
  }

  #readExtent(): TreeEvent | "more" | "again" {
    const header = this.#pieces.take(EXTENT_HEADER_BYTES);
    if (header === undefined) return "more";
    const offset = header.readBigUInt64BE(0);
    const length = header.readBigUInt64BE(8);
    if (offset < BigInt(this.#position)) throw protocolViolation("the content of a file runs backwards");
    if (length > MAX_EXTENT_BYTES) throw protocolViolation(`an extent of ${length} bytes`);
    if (offset + length > Number.MAX_SAFE_INTEGER) throw protocolViolation("a file of more than 2^53 bytes");
    this.#position = Number(offset);
    if (length === 0n) {
      this.#entryIsOver();
      return { kind: "file-end", size: this.#position };
    }
    this.#leftBytes = Number(length);
    this.#state = "content";
    return "again";
  }

  #readContent(): TreeEvent | "more" {
    const bytes = this.#pieces.takeSome(this.#leftBytes);
    if (bytes.length === 0) return "more";
    const offset = this.#position;
    this.#position += bytes.length;
    this.#leftBytes -= bytes.length;
    if (this.#leftBytes === 0) this.#state = "extent";
    return { kind: "content", offset, bytes };
  }
}
