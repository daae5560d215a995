import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { FieldReader, type Field } from "../../../src/guest/protocol/fields.ts";
import { FrameDecoder } from "../../../src/guest/protocol/frame-decoder.ts";
import {
  encodeCreditFrame,
  encodeDataFrame,
  encodeEmptyFrame,
  encodeFieldsFrame,
} from "../../../src/guest/protocol/frame-encoder.ts";
import { FrameType, type Stream, Tag } from "../../../src/guest/protocol/frame-types.ts";
import { type GoldenFrame, readGoldenFrames } from "./golden.ts";

const TEXT_TAGS = new Set([
  ...["AGENT", "MESSAGE", "ARG", "ENV", "CWD", "HOSTNAME", "ADDRESS", "GATEWAY", "RESOLVER"],
  ...["USER", "NAME", "PATH", "TARGET", "MACHINE_ID", "SSH_HOST_KEY", "SSH_HOST_PUBLIC_KEY"],
]);
const BYTES_TAGS = new Set(["NONCE", "ENTROPY", "MAC"]);
const U64_TAGS = new Set([
  ...["CLOCK_NS", "DURATION_US", "START_NS", "SKIPPED"],
  ...["OFFSET", "LENGTH", "SIZE", "MTIME_NS", "CTIME_NS", "INODE", "LIFETIME_MS", "IDLE_MS", "BUSY_US"],
]);

function encode(golden: GoldenFrame): Buffer {
  const type = FrameType[golden.type as keyof typeof FrameType];
  const stream = golden.stream as Stream;
  if (type === FrameType.DATA) return encodeDataFrame(golden.id, stream, Buffer.from(golden.parts[0]![1], "hex"));
  if (type === FrameType.CREDIT) return encodeCreditFrame(golden.id, stream, Number(golden.parts[0]![1]));
  if (type === FrameType.END || type === FrameType.CANCEL) return encodeEmptyFrame(type, golden.id, stream);
  const fields = golden.parts.map(([name, hex]): Field => {
    const tag = Tag[name as keyof typeof Tag];
    const bytes = Buffer.from(hex, "hex");
    if (TEXT_TAGS.has(name)) return { tag, value: bytes.toString("utf8") };
    if (BYTES_TAGS.has(name)) return { tag, value: bytes };
    return { tag, value: U64_TAGS.has(name) ? bytes.readBigUInt64BE() : bytes.readUInt32BE() };
  });
  return encodeFieldsFrame(type, golden.id, fields);
}

function nameOf(table: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(table).find((key) => table[key] === value) ?? `?${value}`;
}

function decode(bytes: Buffer): string[] {
  const seen: string[] = [];
  const decoder = new FrameDecoder({
    onData: (id, stream, part) => seen.push(`DATA ${id} ${stream} bytes=${Buffer.from(part).toString("hex")}`),
    onFrame: (type, id, stream, payload) => {
      const start = `${nameOf(FrameType, type)} ${id} ${stream}`;
      if (type === FrameType.CREDIT) seen.push(`${start} credit=${Buffer.from(payload).readUInt32BE()}`);
      else {
        const fields = [...new FieldReader(payload).entries()];
        seen.push([start, ...fields.map(({ tag, value }) => `${nameOf(Tag, tag)}=${value.toString("hex")}`)].join(" "));
      }
    },
  });
  decoder.push(bytes);
  assert.ok(decoder.isAtFrameBoundary);
  return seen;
}

describe("the golden frames", () => {
  for (const golden of readGoldenFrames()) {
    test(`${golden.name} is encoded to its bytes`, () => {
      assert.equal(encode(golden).toString("hex"), golden.bytes.toString("hex"));
    });
    test(`${golden.name} is decoded to its text`, () => {
      const canonical = [golden.type, golden.id, golden.stream, ...golden.parts.map((part) => part.join("="))].join(
        " ",
      );
      assert.deepEqual(decode(golden.bytes), golden.bytes.length === 12 && golden.type === "DATA" ? [] : [canonical]);
    });
  }
});
