import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { SmolVMError } from "../../../src/errors/smolvm-error.ts";
import { FieldReader } from "../../../src/guest/protocol/fields.ts";
import { FrameDecoder } from "../../../src/guest/protocol/frame-decoder.ts";
import { encodeDataFrame, encodeFieldsFrame } from "../../../src/guest/protocol/frame-encoder.ts";
import { FrameType, HEADER_BYTES, MAX_PAYLOAD_BYTES, Tag } from "../../../src/guest/protocol/frame-types.ts";
import { readGoldenFrames } from "./golden.ts";
import { randomBuffer, seededRandom } from "./seeded-random.ts";

/** Decodes chunks; parts of one DATA frame are joined, so that the result does not depend on how it was cut. */
function decodeAll(chunks: readonly Uint8Array[]): string[] {
  const seen: string[] = [];
  let data: { readonly key: string; bytes: string } | undefined;
  const flush = (): void => {
    if (data !== undefined) seen.push(data.key + data.bytes);
    data = undefined;
  };
  const decoder = new FrameDecoder({
    onData: (id, stream, bytes) => {
      const key = `DATA ${id} ${stream} `;
      if (data?.key !== key) flush();
      data ??= { key, bytes: "" };
      data.bytes += Buffer.from(bytes).toString("hex");
    },
    onFrame: (type, id, stream, payload) => {
      flush();
      seen.push(`${type} ${id} ${stream} ${Buffer.from(payload).toString("hex")}`);
    },
  });
  for (const chunk of chunks) decoder.push(chunk);
  flush();
  return seen;
}

const header = (length: number, type: number, stream = 0, reserved = 0): Buffer => {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeUInt32BE(length, 0);
  bytes[8] = type;
  bytes[9] = stream;
  bytes.writeUInt16BE(reserved, 10);
  return bytes;
};

const push = (bytes: Uint8Array): void => new FrameDecoder({ onData: () => {}, onFrame: () => {} }).push(bytes);
const isViolation = (error: unknown): boolean => error instanceof SmolVMError && error.code === "PROTOCOL_ERROR";

describe("the frame decoder", () => {
  const all = Buffer.concat(readGoldenFrames().map((golden) => golden.bytes));
  const expected = decodeAll([all]);

  test("gives the same frames wherever its input is cut in two", () => {
    for (let at = 0; at <= all.length; at += 1) {
      assert.deepEqual(decodeAll([all.subarray(0, at), all.subarray(at)]), expected, `cut at ${at}`);
    }
  });

  test("gives the same frames for one byte at a time, and for random cuts", () => {
    assert.deepEqual(decodeAll([...all].map((byte) => Uint8Array.of(byte))), expected);
    const random = seededRandom(7);
    for (let round = 0; round < 100; round += 1) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < all.length;) {
        const end = at + random(60);
        chunks.push(all.subarray(at, end));
        at = end;
      }
      assert.deepEqual(decodeAll(chunks), expected);
    }
  });

  test("takes the largest frame and refuses the next larger one before its payload", () => {
    push(encodeDataFrame(1, 1, Buffer.alloc(MAX_PAYLOAD_BYTES)));
    assert.throws(() => push(header(MAX_PAYLOAD_BYTES + 1, FrameType.DATA, 1)), isViolation);
    assert.throws(() => push(header(0xffff_ffff, FrameType.RESULT)), isViolation);
  });

  test("refuses unknown types, streams that do not exist, reserved bytes, and payloads where none belongs", () => {
    assert.throws(() => push(header(0, 0x55)), isViolation);
    assert.throws(() => push(header(0, FrameType.DATA, 3)), isViolation);
    assert.throws(() => push(header(0, FrameType.RESULT, 1)), isViolation);
    assert.throws(() => push(header(0, FrameType.RESULT, 0, 1)), isViolation);
    assert.throws(() => push(header(1, FrameType.END, 1)), isViolation);
    assert.throws(() => push(header(5, FrameType.CREDIT, 1)), isViolation);
  });

  test("passes DATA on without waiting for the whole frame", () => {
    let size = 0;
    const decoder = new FrameDecoder({ onData: (_id, _stream, bytes) => (size += bytes.length), onFrame: () => {} });
    decoder.push(encodeDataFrame(1, 1, Buffer.alloc(1_000)).subarray(0, 500));
    assert.equal(size, 500 - HEADER_BYTES);
  });
});

describe("the field reader", () => {
  const payloadOf = (frame: Buffer): Buffer => frame.subarray(HEADER_BYTES);

  test("refuses a field that runs past the payload, and a header that does", () => {
    const payload = payloadOf(encodeFieldsFrame(FrameType.RESULT, 1, [{ tag: Tag.MESSAGE, value: "hello" }]));
    for (let cut = 1; cut < payload.length; cut += 1) {
      assert.throws(() => new FieldReader(payload.subarray(0, cut)), isViolation, `cut at ${cut}`);
    }
    const huge = Buffer.from(payload);
    huge.writeUInt32BE(0xffff_ffff, 2);
    assert.throws(() => new FieldReader(huge), isViolation);
  });

  test("refuses numbers of the wrong size and strings with a NUL byte", () => {
    const frame = encodeFieldsFrame(FrameType.RESULT, 1, [
      { tag: Tag.STATUS, value: 1n },
      { tag: Tag.DURATION_US, value: 1 },
      { tag: Tag.MESSAGE, value: Buffer.from("a\0b") },
    ]);
    const fields = new FieldReader(payloadOf(frame));
    assert.throws(() => fields.u32(Tag.STATUS), isViolation);
    assert.throws(() => fields.u64(Tag.DURATION_US), isViolation);
    assert.throws(() => fields.text(Tag.MESSAGE), isViolation);
    assert.equal(fields.u32(Tag.PID), undefined);
  });

  test("survives random payloads", () => {
    const random = seededRandom(11);
    for (let round = 0; round < 5_000; round += 1) {
      try {
        const fields = new FieldReader(randomBuffer(random, random(40)));
        fields.u32(Tag.STATUS);
        fields.text(Tag.MESSAGE);
      } catch (error) {
        assert.ok(isViolation(error), String(error));
      }
    }
  });
});
