import { ValidationError } from "../../errors/smolvm-error.ts";
import { encodeFieldsFrame } from "../protocol/frame-encoder.ts";
import { fieldsByteLength, type Field } from "../protocol/fields.ts";
import { FrameType, MAX_PAYLOAD_BYTES } from "../protocol/frame-types.ts";

/** Encodes a REQUEST (its id is set when it is sent), or says that it is too large and what to do instead. */
export function encodeRequest(what: string, fields: readonly Field[], wayOut: string): Buffer {
  const sizeBytes = fieldsByteLength(fields);
  if (sizeBytes > MAX_PAYLOAD_BYTES) {
    throw new ValidationError(
      "INVALID_OPTION",
      `${what} takes ${sizeBytes} bytes, and one request holds ${MAX_PAYLOAD_BYTES}`,
      {
        hint: wayOut,
        details: { sizeBytes, maxBytes: MAX_PAYLOAD_BYTES },
      },
    );
  }
  return encodeFieldsFrame(FrameType.REQUEST, 0, fields);
}
