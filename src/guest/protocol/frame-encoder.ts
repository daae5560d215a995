import { fieldsByteLength, writeFields, type Field } from "./fields.ts";
import { FrameType, HEADER_BYTES, MAX_PAYLOAD_BYTES, Stream } from "./frame-types.ts";

function allocateFrame(type: FrameType, id: number, stream: Stream, payloadBytes: number): Buffer {
  if (payloadBytes > MAX_PAYLOAD_BYTES) {
    throw new RangeError(`a frame holds ${MAX_PAYLOAD_BYTES} bytes of payload, not ${payloadBytes}`);
  }
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payloadBytes);
  frame.writeUInt32BE(payloadBytes, 0);
  frame.writeUInt32BE(id, 4);
  frame[8] = type;
  frame[9] = stream;
  frame[10] = 0;
  frame[11] = 0;
  return frame;
}

/** A frame whose payload is a list of fields. */
export function encodeFieldsFrame(type: FrameType, id: number, fields: readonly Field[]): Buffer {
  const frame = allocateFrame(type, id, Stream.INPUT, fieldsByteLength(fields));
  writeFields(frame, HEADER_BYTES, fields);
  return frame;
}

/** A frame without payload: END of a stream, or CANCEL. */
export function encodeEmptyFrame(
  type: typeof FrameType.END | typeof FrameType.CANCEL,
  id: number,
  stream: Stream = Stream.INPUT,
): Buffer {
  return allocateFrame(type, id, stream, 0);
}

/** A DATA frame. Copies the bytes, so that the caller may reuse its memory at once. */
export function encodeDataFrame(id: number, stream: Stream, bytes: Uint8Array): Buffer {
  const frame = allocateFrame(FrameType.DATA, id, stream, bytes.byteLength);
  frame.set(bytes, HEADER_BYTES);
  return frame;
}

/** A CREDIT frame: the receiver may be sent this many bytes more. */
export function encodeCreditFrame(id: number, stream: Stream, creditBytes: number): Buffer {
  const frame = allocateFrame(FrameType.CREDIT, id, stream, 4);
  frame.writeUInt32BE(creditBytes, HEADER_BYTES);
  return frame;
}

/** Gives an encoded frame the id under which it is sent: a request is encoded, and measured, before it has one. */
export function setFrameId(frame: Buffer, id: number): void {
  frame.writeUInt32BE(id, 4);
}
