import { protocolViolation } from "./protocol-violation.ts";
import type { Tag } from "./frame-types.ts";

/** Bytes in front of each field: u16 tag, u32 length. */
const FIELD_HEADER_BYTES = 6;

/** One field of a payload. A number is sent as u32, a bigint as u64, a string as UTF-8. */
export interface Field {
  readonly tag: Tag;
  readonly value: number | bigint | string | Uint8Array;
}

function valueBytes(value: Field["value"]): number {
  switch (typeof value) {
    case "number":
      return 4;
    case "bigint":
      return 8;
    case "string":
      return Buffer.byteLength(value);
    default:
      return value.byteLength;
  }
}

/** How many bytes of payload the fields take. */
export function fieldsByteLength(fields: readonly Field[]): number {
  let sum = 0;
  for (const field of fields) sum += FIELD_HEADER_BYTES + valueBytes(field.value);
  return sum;
}

/** Writes the fields at `offset` and returns the offset behind them. The caller has made room. */
export function writeFields(target: Buffer, offset: number, fields: readonly Field[]): number {
  let at = offset;
  for (const { tag, value } of fields) {
    target.writeUInt16BE(tag, at);
    const start = at + FIELD_HEADER_BYTES;
    let length: number;
    if (typeof value === "number") length = target.writeUInt32BE(value, start) - start;
    else if (typeof value === "bigint") length = target.writeBigUInt64BE(value, start) - start;
    else if (typeof value === "string") length = target.write(value, start);
    else {
      target.set(value, start);
      length = value.byteLength;
    }
    target.writeUInt32BE(length, at + 2);
    at = start + length;
  }
  return at;
}

/**
 * Reads the fields of a payload in place, without building a list of them: a hostile payload of ten thousand empty
 * fields costs no memory. The values are views, valid as long as the payload is.
 */
export class FieldReader {
  readonly #payload: Buffer;

  /** Walks the payload once; a field that runs past its end is a protocol violation. */
  constructor(payload: Uint8Array) {
    this.#payload = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    let at = 0;
    while (at < this.#payload.length) {
      if (this.#payload.length - at < FIELD_HEADER_BYTES)
        throw protocolViolation("a field's header runs past the frame");
      at += FIELD_HEADER_BYTES + this.#payload.readUInt32BE(at + 2);
      if (at > this.#payload.length) throw protocolViolation("a field runs past the end of its frame");
    }
  }

  /** All fields in the order of the payload. */
  *entries(): Generator<{ readonly tag: number; readonly value: Buffer }, void, undefined> {
    let at = 0;
    while (at < this.#payload.length) {
      const start = at + FIELD_HEADER_BYTES;
      const end = start + this.#payload.readUInt32BE(at + 2);
      yield { tag: this.#payload.readUInt16BE(at), value: this.#payload.subarray(start, end) };
      at = end;
    }
  }

  /** The first field with the tag. */
  bytes(tag: Tag): Buffer | undefined {
    let at = 0;
    while (at < this.#payload.length) {
      const start = at + FIELD_HEADER_BYTES;
      const end = start + this.#payload.readUInt32BE(at + 2);
      if (this.#payload.readUInt16BE(at) === tag) return this.#payload.subarray(start, end);
      at = end;
    }
    return undefined;
  }

  u32(tag: Tag): number | undefined {
    const value = this.bytes(tag);
    if (value === undefined) return undefined;
    if (value.length !== 4) throw protocolViolation(`field ${tag} has ${value.length} bytes instead of 4`);
    return value.readUInt32BE(0);
  }

  u64(tag: Tag): bigint | undefined {
    const value = this.bytes(tag);
    if (value === undefined) return undefined;
    if (value.length !== 8) throw protocolViolation(`field ${tag} has ${value.length} bytes instead of 8`);
    return value.readBigUInt64BE(0);
  }

  /** The field as text. What is not UTF-8 becomes U+FFFD: such strings are only ever shown. */
  text(tag: Tag): string | undefined {
    const value = this.bytes(tag);
    if (value === undefined) return undefined;
    if (value.includes(0)) throw protocolViolation(`field ${tag} holds a NUL byte`);
    return value.toString("utf8");
  }
}
