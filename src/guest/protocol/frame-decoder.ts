import { FrameType, HEADER_BYTES, isFrameType, MAX_PAYLOAD_BYTES, Stream } from "./frame-types.ts";
import { protocolViolation } from "./protocol-violation.ts";

/** Who gets what the decoder finds. The bytes are views into the decoder's input: copy what outlives the call. */
export interface FrameSink {
  /** Part of the payload of a DATA frame; one frame may come in several parts, an empty frame comes as none. */
  onData(id: number, stream: Stream, bytes: Uint8Array): void;
  /** Any other frame, complete. */
  onFrame(type: FrameType, id: number, stream: Stream, payload: Uint8Array): void;
}

interface Header {
  readonly type: FrameType;
  readonly id: number;
  readonly stream: Stream;
  readonly payloadBytes: number;
}

/**
 * Cuts a byte stream into frames. DATA is passed on as it comes, so it is never held here; of other frames at most one
 * is held, and only while it is incomplete.
 */
export class FrameDecoder {
  readonly #sink: FrameSink;
  readonly #partialHeader: Buffer = Buffer.alloc(HEADER_BYTES);
  #partialHeaderBytes = 0;
  #header: Header | undefined;
  #missingBytes = 0;
  #partialPayload: Buffer | undefined;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Whether the input so far ends between two frames. */
  get isAtFrameBoundary(): boolean {
    return this.#header === undefined && this.#partialHeaderBytes === 0;
  }

  /** Takes the next bytes; throws `PROTOCOL_ERROR` on a malformed header, after which the decoder must not be used. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#header === undefined) at = this.#takeHeader(chunk, at);
      if (this.#header !== undefined) at = this.#takePayload(this.#header, chunk, at);
    }
  }

  #takeHeader(chunk: Uint8Array, at: number): number {
    if (this.#partialHeaderBytes === 0 && chunk.length - at >= HEADER_BYTES) {
      this.#begin(parseHeader(chunk, at));
      return at + HEADER_BYTES;
    }
    const end = Math.min(chunk.length, at + HEADER_BYTES - this.#partialHeaderBytes);
    this.#partialHeader.set(chunk.subarray(at, end), this.#partialHeaderBytes);
    this.#partialHeaderBytes += end - at;
    if (this.#partialHeaderBytes === HEADER_BYTES) {
      this.#partialHeaderBytes = 0;
      this.#begin(parseHeader(this.#partialHeader, 0));
    }
    return end;
  }

  #begin(header: Header): void {
    this.#header = header;
    this.#missingBytes = header.payloadBytes;
  }

  #takePayload(header: Header, chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#missingBytes);
    // The header was the last of this chunk: nothing to keep yet.
    if (end === at && this.#missingBytes > 0) return at;
    const isWhole = end - at === header.payloadBytes;
    this.#missingBytes -= end - at;
    if (this.#missingBytes === 0) this.#header = undefined;

    if (header.type === FrameType.DATA) {
      if (end > at) this.#sink.onData(header.id, header.stream, chunk.subarray(at, end));
    } else if (isWhole) {
      this.#sink.onFrame(header.type, header.id, header.stream, chunk.subarray(at, end));
    } else {
      this.#partialPayload ??= Buffer.allocUnsafe(header.payloadBytes);
      const start = header.payloadBytes - this.#missingBytes - (end - at);
      this.#partialPayload.set(chunk.subarray(at, end), start);
      if (this.#missingBytes === 0) {
        const payload = this.#partialPayload;
        this.#partialPayload = undefined;
        this.#sink.onFrame(header.type, header.id, header.stream, payload);
      }
    }
    return end;
  }
}

function parseHeader(bytes: Uint8Array, at: number): Header {
  const payloadBytes = readUint32(bytes, at);
  if (payloadBytes > MAX_PAYLOAD_BYTES) throw protocolViolation(`a frame claims ${payloadBytes} bytes of payload`);
  const type = bytes[at + 8]!;
  if (!isFrameType(type)) throw protocolViolation(`a frame has the unknown type ${type}`);
  const stream = bytes[at + 9]!;
  if (bytes[at + 10] !== 0 || bytes[at + 11] !== 0) throw protocolViolation("a frame's reserved bytes are not 0");
  if (!isStreamOf(type, stream)) throw protocolViolation(`a frame of type ${type} names the stream ${stream}`);
  if (payloadBytes !== 0 && (type === FrameType.END || type === FrameType.CANCEL)) {
    throw protocolViolation(`a frame of type ${type} has a payload`);
  }
  if (payloadBytes !== 4 && type === FrameType.CREDIT) {
    throw protocolViolation(`a CREDIT frame has ${payloadBytes} bytes of payload instead of 4`);
  }
  return { type, id: readUint32(bytes, at + 4), stream, payloadBytes };
}

function isStreamOf(type: FrameType, stream: number): stream is Stream {
  if (type === FrameType.DATA || type === FrameType.END || type === FrameType.CREDIT) return stream <= Stream.ERRORS;
  return stream === 0;
}

function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
