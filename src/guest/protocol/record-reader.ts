import { FieldReader } from "./fields.ts";
import { MAX_RECORD_BYTES } from "./frame-types.ts";
import { protocolViolation } from "./protocol-violation.ts";
import { PieceReader } from "./piece-reader.ts";

/** Reads the records of one stream, wherever its chunks are cut. */
export class RecordReader {
  readonly #pieces: PieceReader;
  #length: number | undefined;

  /** @param pieces - where a stream holds more than records, what the rest of it is read from. */
  constructor(pieces: PieceReader = new PieceReader()) {
    this.#pieces = pieces;
  }

  /** The records that are complete with this chunk. They are valid until the next `push`. */
  *push(chunk: Uint8Array): Generator<FieldReader, void, undefined> {
    this.#pieces.give(chunk);
    for (let record = this.next(); record !== undefined; record = this.next()) yield record;
  }

  /** The next record, once it is there. */
  next(): FieldReader | undefined {
    this.#length ??= this.#readLength();
    if (this.#length === undefined) return undefined;
    const payload = this.#pieces.take(this.#length);
    if (payload === undefined) return undefined;
    this.#length = undefined;
    return new FieldReader(payload);
  }

  /** The stream has ended: it may not have done so inside a record. */
  finish(): void {
    if (this.#length !== undefined || this.#pieces.heldBytes > 0) throw protocolViolation("a stream ends in a record");
  }

  #readLength(): number | undefined {
    const length = this.#pieces.take(4)?.readUInt32BE(0);
    if (length !== undefined && length > MAX_RECORD_BYTES) {
      throw protocolViolation(`a record of ${length} bytes, and ${MAX_RECORD_BYTES} is the most`);
    }
    return length;
  }
}
