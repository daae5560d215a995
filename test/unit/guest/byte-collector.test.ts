import assert from "node:assert/strict";
import { test } from "node:test";

import { ByteCollector } from "../../../src/guest/command/byte-collector.ts";
import { randomBuffer, seededRandom } from "./seeded-random.ts";

test("a collector gives back what it was given, as bytes and as the same text that one piece would be", () => {
  const random = seededRandom(99);
  for (let round = 0; round < 300; round += 1) {
    const all: Buffer[] = [];
    const collector = new ByteCollector();
    for (let count = random(12); count > 0; count -= 1) {
      const piece =
        random(2) === 0
          ? randomBuffer(random, random(90))
          : Buffer.from("aé€😀\ufeff".repeat(random(9))).subarray(random(4));
      all.push(piece);
      collector.push(piece);
    }
    const expected = Buffer.concat(all);
    assert.equal(collector.sizeBytes, expected.length);
    assert.equal(collector.text(), expected.toString("utf8"));
    assert.ok(expected.equals(collector.bytes()));
    assert.equal(collector.text(), expected.toString("utf8"));
    assert.equal(Object.getPrototypeOf(collector.bytes()), Uint8Array.prototype);
  }
});
