import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";

import { encodeDataFrame, encodeFieldsFrame } from "../../../src/guest/protocol/frame-encoder.ts";
import { FrameType, Tag } from "../../../src/guest/protocol/frame-types.ts";
import { encodeHello, endOfDataPiece, GreetingHunter, SYNC_WORD } from "../../../src/guest/protocol/sync.ts";
import { randomBuffer, seededRandom } from "./seeded-random.ts";

const ownNonce = randomBytes(16);

const welcome = (nonce: Buffer): Buffer =>
  Buffer.concat([
    SYNC_WORD,
    encodeFieldsFrame(FrameType.WELCOME, 0, [
      { tag: Tag.VERSION, value: 1 },
      { tag: Tag.NONCE, value: nonce },
    ]),
  ]);

function hunt(chunks: readonly Uint8Array[]): { readonly found: boolean; readonly rest: string } {
  const hunter = new GreetingHunter(ownNonce);
  let rest = "";
  let found = false;
  for (const chunk of chunks) {
    if (found) rest += Buffer.from(chunk).toString();
    else {
      const greeting = hunter.push(chunk);
      found = greeting !== undefined;
      rest = greeting?.rest.toString() ?? "";
    }
  }
  return { found, rest };
}

describe("hunting for the guest's greeting", () => {
  const own = Buffer.concat([welcome(ownNonce), Buffer.from("rest")]);
  const before: Readonly<Record<string, Buffer>> = {
    nothing: Buffer.alloc(0),
    garbage: Buffer.from("garbage \xff\xff SMOLVM", "latin1"),
    "a stale frame": encodeDataFrame(3, 1, Buffer.from("output of somebody else")),
    "a frame that was broken off": encodeDataFrame(3, 1, Buffer.alloc(500)).subarray(0, 100),
    "somebody else's WELCOME": welcome(randomBytes(16)),
    "half of a sync word": SYNC_WORD.subarray(0, 8),
    "all but one byte of a sync word": SYNC_WORD.subarray(0, 15),
    "a sync word alone": SYNC_WORD,
    "a WELCOME broken off in its header": welcome(randomBytes(16)).subarray(0, 22),
    "a WELCOME broken off in its nonce": welcome(randomBytes(16)).subarray(0, 50),
    "a WELCOME that claims 4 GiB": Buffer.concat([SYNC_WORD, Buffer.from("ffffffff0000000081000000", "hex")]),
    "a WELCOME with malformed fields": Buffer.concat([SYNC_WORD, Buffer.from("0000000300000000810000000102ff", "hex")]),
  };
  for (const [name, bytes] of Object.entries(before)) {
    test(`finds its own WELCOME behind ${name}, wherever the input is cut`, () => {
      const all = Buffer.concat([bytes, own]);
      for (let at = 0; at <= all.length; at += 1) {
        assert.deepEqual(hunt([all.subarray(0, at), all.subarray(at)]), { found: true, rest: "rest" }, `cut at ${at}`);
      }
      assert.deepEqual(hunt([...all].map((byte) => Uint8Array.of(byte))), { found: true, rest: "rest" });
    });
  }

  test("holds a few kilobytes at most, whatever comes", () => {
    const random = seededRandom(3);
    const hunter = new GreetingHunter(ownNonce);
    const claim = Buffer.concat([SYNC_WORD, Buffer.from("00000fff0000000081000000", "hex")]);
    for (let round = 0; round < 2_000; round += 1) {
      assert.equal(hunter.push(round % 3 === 0 ? claim : randomBuffer(random, random(2_000))), undefined);
      assert.ok(hunter.heldBytes < 8_192, `${hunter.heldBytes} bytes held`);
    }
  });
});

describe("the sync word", () => {
  test("is what the protocol says, and begins the first write", () => {
    assert.equal(SYNC_WORD.toString("latin1"), "\xffSMOLVM-SYNC\xfe\xc3\xa5\xff");
    assert.deepEqual(encodeHello(ownNonce).subarray(0, 16), SYNC_WORD);
  });

  test("never stands in one piece of DATA, and nothing is lost by that", () => {
    const data = Buffer.concat([
      Buffer.from("a"),
      SYNC_WORD,
      SYNC_WORD,
      Buffer.from("b"),
      SYNC_WORD.subarray(1),
      SYNC_WORD,
    ]);
    for (const maxBytes of [1, 7, 16, 17, 20, 1_000]) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < data.length;) {
        const end = endOfDataPiece(data, at, maxBytes);
        assert.ok(end > at && end - at <= maxBytes);
        pieces.push(data.subarray(at, end));
        at = end;
      }
      assert.ok(pieces.every((piece) => !piece.includes(SYNC_WORD)));
      assert.deepEqual(Buffer.concat(pieces), data);
    }
  });
});
