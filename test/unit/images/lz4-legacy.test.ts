import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { findProgram } from "../../../src/host/find-program.ts";
import { decompressLz4Legacy, isLz4Legacy } from "../../../src/images/lz4-legacy.ts";
import { lz4Frame } from "./synthetic.ts";

test("a frame of literals is decompressed", () => {
  assert.equal(decompressLz4Legacy(lz4Frame(Buffer.from("literals only"))).toString(), "literals only");
});

test("a match that overlaps its own output repeats it", () => {
  // 1 literal "a", then a match of distance 1 and length 4 + 15 + 5; then the last literals "b"
  const block = Buffer.from([0x1f, 0x61, 0x01, 0x00, 5, 0x10, 0x62]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(block.length);
  const frame = Buffer.concat([Buffer.from([0x02, 0x21, 0x4c, 0x18]), size, block]);
  assert.equal(decompressLz4Legacy(frame).toString(), `${"a".repeat(25)}b`);
});

test("what the kernel's build appends after the last block is ignored", () => {
  const frame = Buffer.concat([lz4Frame(Buffer.from("kernel")), Buffer.from([6, 0, 0, 0])]);
  assert.equal(decompressLz4Legacy(frame).toString(), "kernel");
});

test("damaged frames are refused instead of read out of bounds", () => {
  const frameOf = (...bytes: number[]): Buffer =>
    Buffer.from([0x02, 0x21, 0x4c, 0x18, bytes.length, 0, 0, 0, ...bytes]);
  assert.throws(() => decompressLz4Legacy(Buffer.from("nothing")), RangeError);
  assert.throws(() => decompressLz4Legacy(lz4Frame(Buffer.from("cut off")).subarray(0, 10)), RangeError);
  assert.throws(() => decompressLz4Legacy(frameOf(0x50, 1, 2)), /literals/);
  assert.throws(() => decompressLz4Legacy(frameOf(0x10, 1, 9, 0)), /match/);
  assert.throws(() => decompressLz4Legacy(frameOf(0xf0, 255, 255)), /length/);
  assert.equal(isLz4Legacy(Buffer.from([2])), false);
});

test("what lz4(1) packs is unpacked", { skip: findProgram("lz4") ? false : "lz4 is not installed" }, () => {
  const plain = Buffer.concat([Buffer.alloc(9_000_000, "abcdefg"), randomBytes(100_000), Buffer.alloc(70_000)]);
  const packed = execFileSync("lz4", ["-l", "-c", "-q"], { input: plain, maxBuffer: 2 ** 26 });
  assert.ok(decompressLz4Legacy(packed).equals(plain));
});
