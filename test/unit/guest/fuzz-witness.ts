import { FieldReader } from "../../../src/guest/protocol/fields.ts";
import {
  FrameType,
  HEADER_BYTES,
  isFrameType,
  MAX_PAYLOAD_BYTES,
  Tag,
} from "../../../src/guest/protocol/frame-types.ts";
import type { SeenFrame } from "./scripted-guest.ts";

/** What a guest has really said about one request. */
export interface Witnessed {
  readonly method: number | undefined;
  /** What the request is about: path, port, number, or last argument. */
  readonly subject: string;
  status: number | undefined;
  hasOutputEnd: boolean;
  readonly output: Buffer[];
}

/**
 * Reads what a guest has sent once more, by a reader that shares nothing with the channel's but the numbers and that
 * believes everything up to the first bytes that are no frame. A success that the host reports must show here.
 */
export function witness(requests: readonly SeenFrame[], sent: Buffer): Witnessed[] {
  const byId = new Map<number, Witnessed>();
  for (const { id, payload } of requests) {
    const fields = new FieldReader(payload);
    const last = [...fields.entries()].findLast(({ tag }) => tag === Tag.ARG)?.value.toString();
    const subject = fields.text(Tag.PATH) ?? fields.u32(Tag.PORT) ?? fields.u32(Tag.PROCESS) ?? last ?? "";
    byId.set(id, {
      method: fields.u32(Tag.METHOD),
      subject: String(subject),
      status: undefined,
      hasOutputEnd: false,
      output: [],
    });
  }
  for (let at = 0; at + HEADER_BYTES <= sent.length;) {
    const size = sent.readUInt32BE(at);
    const type = sent[at + 8]!;
    const end = at + HEADER_BYTES + size;
    if (size > MAX_PAYLOAD_BYTES || !isFrameType(type) || type === FrameType.GOAWAY) break;
    const payload = sent.subarray(at + HEADER_BYTES, end);
    const request = byId.get(sent.readUInt32BE(at + 4));
    const isOutput = sent[at + 9] === 1;
    const isOpen = request !== undefined && request.status === undefined && !request.hasOutputEnd;
    // The last DATA may be cut off by the end of the session, and counts as far as it came.
    if (isOpen && type === FrameType.DATA && isOutput) request.output.push(payload);
    if (end > sent.length) break;
    if (isOpen && type === FrameType.END && isOutput) request.hasOutputEnd = true;
    if (type === FrameType.RESULT && request !== undefined) request.status ??= statusOf(payload);
    at = end;
  }
  return [...byId.values()];
}

function statusOf(payload: Buffer): number | undefined {
  try {
    return new FieldReader(payload).u32(Tag.STATUS);
  } catch {
    return undefined; // malformed: no success can come of it
  }
}
