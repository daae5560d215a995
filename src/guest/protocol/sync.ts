import { FieldReader } from "./fields.ts";
import { encodeFieldsFrame } from "./frame-encoder.ts";
import { FrameType, HEADER_BYTES, PROTOCOL_VERSION, Tag } from "./frame-types.ts";

/** The 16 bytes that begin a session and occur nowhere else in it. */
export const SYNC_WORD: Buffer = Buffer.from("ff534d4f4c564d2d53594e43fec3a5ff", "hex");

/** A WELCOME is some 80 bytes; whatever claims more than this is not one, and is not waited for. */
const MAX_GREETING_BYTES = 4_096;

/** What the host sends first, in one write. */
export function encodeHello(nonce: Uint8Array): Buffer {
  const hello = encodeFieldsFrame(FrameType.HELLO, 0, [
    { tag: Tag.VERSION, value: PROTOCOL_VERSION },
    { tag: Tag.NONCE, value: nonce },
  ]);
  return Buffer.concat([SYNC_WORD, hello]);
}

/**
 * Where a DATA frame that starts at `start` must end: after at most `maxBytes`, and inside a sync word rather than
 * behind it, since the guest takes a whole one for the start of a new session.
 */
export function endOfDataPiece(bytes: Buffer, start: number, maxBytes: number): number {
  const end = Math.min(bytes.length, start + maxBytes);
  const found = bytes.subarray(start, end).indexOf(SYNC_WORD);
  return found === -1 ? end : start + found + SYNC_WORD.length / 2;
}

/** The guest's answer to HELLO. `rest` is what came behind it. */
export interface Greeting {
  readonly type: typeof FrameType.WELCOME | typeof FrameType.GOAWAY;
  readonly fields: FieldReader;
  readonly rest: Buffer;
}

/**
 * Looks for the guest's answer to our own HELLO and throws everything in front of it away: it belonged to a client
 * before us. Holds a few kilobytes at most, however much garbage comes.
 */
export class GreetingHunter {
  readonly #nonce: Uint8Array;
  #held: Buffer = Buffer.alloc(0);

  constructor(nonce: Uint8Array) {
    this.#nonce = nonce;
  }

  /** Bytes kept for the next call. */
  get heldBytes(): number {
    return this.#held.length;
  }

  /** Takes the next bytes; returns the greeting when it is complete. */
  push(chunk: Uint8Array): Greeting | undefined {
    const data = Buffer.concat([this.#held, chunk]);
    let at = 0;
    for (;;) {
      const found = data.subarray(at).indexOf(SYNC_WORD);
      if (found === -1) {
        this.#held = data.subarray(Math.max(at, data.length - SYNC_WORD.length + 1));
        break;
      }
      at += found;
      const greeting = this.#greetingAt(data, at);
      if (greeting === "incomplete") {
        this.#held = data.subarray(at);
        break;
      }
      if (greeting !== undefined) return greeting;
      at += 1;
    }
    // A view would keep the whole of what was thrown away.
    this.#held = Buffer.from(this.#held);
    return undefined;
  }

  #greetingAt(data: Buffer, syncAt: number): Greeting | "incomplete" | undefined {
    const headerAt = syncAt + SYNC_WORD.length;
    const payloadAt = headerAt + HEADER_BYTES;
    if (data.length < payloadAt) return "incomplete";
    const type = data[headerAt + 8];
    if (type !== FrameType.WELCOME && type !== FrameType.GOAWAY) return undefined;
    if (data.readUInt32BE(headerAt + 4) !== 0 || data.readUIntBE(headerAt + 9, 3) !== 0) return undefined;
    const payloadBytes = data.readUInt32BE(headerAt);
    if (payloadBytes > MAX_GREETING_BYTES) return undefined;
    const end = payloadAt + payloadBytes;
    // A sync word inside the frame: the guest broke it off to begin another session, perhaps ours.
    if (data.subarray(payloadAt, end).includes(SYNC_WORD)) return undefined;
    if (data.length < end) return "incomplete";
    const fields = readFields(data.subarray(payloadAt, end));
    if (fields === undefined) return undefined;
    // A GOAWAY right behind a sync word is the refusal of a HELLO; it need not repeat the nonce.
    const nonce = fields.bytes(Tag.NONCE);
    const isOurs = nonce === undefined ? type === FrameType.GOAWAY : nonce.equals(this.#nonce);
    return isOurs ? { type, fields, rest: data.subarray(end) } : undefined;
  }
}

function readFields(payload: Buffer): FieldReader | undefined {
  try {
    return new FieldReader(payload);
  } catch {
    // The remains of somebody else's session may be cut anywhere: not an error, just not our greeting.
    return undefined;
  }
}
