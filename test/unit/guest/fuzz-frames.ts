import {
  encodeCreditFrame,
  encodeDataFrame,
  encodeEmptyFrame,
  encodeFieldsFrame,
} from "../../../src/guest/protocol/frame-encoder.ts";
import type { Field } from "../../../src/guest/protocol/fields.ts";
import { FrameType, type Stream, Tag } from "../../../src/guest/protocol/frame-types.ts";
import { skipped } from "./fuzz-dialogues.ts";
import { readGoldenFrames } from "./golden.ts";
import { randomBuffer } from "./seeded-random.ts";

type Random = (below: number) => number;

const GOLDEN = readGoldenFrames().map(({ bytes }) => bytes);
const TAGS = Object.values(Tag);

/** A well-formed frame of a guest that fits no dialogue: of any type, for an open request, an ended or an unknown one. */
export function strayFrame(random: Random, ids: readonly number[]): Buffer {
  const id = random(4) === 0 ? random(200) : (ids[random(ids.length)] ?? 1);
  const stream = random(8) === 0 ? 0 : ((1 + random(2)) as Stream);
  switch (random(9)) {
    case 0:
      return encodeDataFrame(id, stream, randomBuffer(random, random(3_000)));
    case 1:
      return encodeDataFrame(id, stream, Buffer.alloc(random(65_537), random(256)));
    case 2:
      return encodeEmptyFrame(FrameType.END, id, stream);
    case 3:
      return encodeCreditFrame(id, random(20) === 0 ? stream : 0, random(10) === 0 ? 0x7fff_ffff : random(100_000));
    case 4:
      return encodeFieldsFrame(FrameType.STARTED, id, randomFields(random));
    case 5:
      return encodeFieldsFrame(FrameType.RESULT, id, [{ tag: Tag.STATUS, value: random(16) }, ...randomFields(random)]);
    case 6:
      return skipped(id, random(2 ** 31));
    case 7:
      return random(6) === 0 ? encodeFieldsFrame(FrameType.GOAWAY, 0, randomFields(random)) : skipped(id, 0);
    default:
      return encodeDataFrame(id, stream, Buffer.alloc(0));
  }
}

/** The same bytes with a few flipped, cut out, doubled, or put in. */
export function mutated(bytes: Buffer, random: Random): Buffer {
  let result = Buffer.from(bytes);
  for (let count = 1 + random(3); count > 0 && result.length > 0; count--) {
    const at = random(result.length);
    const end = Math.min(result.length, at + 1 + random(20));
    const [before, part, after] = [result.subarray(0, at), result.subarray(at, end), result.subarray(end)];
    switch (random(5)) {
      case 0:
        result[at] = random(256);
        break;
      case 1:
        result = Buffer.concat([before, after]);
        break;
      case 2:
        result = Buffer.concat([before, part, part, after]);
        break;
      case 3:
        result = Buffer.concat([before, randomBuffer(random, random(30)), part, after]);
        break;
      default:
        result = Buffer.concat([before, GOLDEN[random(GOLDEN.length)]!, part, after]);
    }
  }
  return result;
}

function randomFields(random: Random): Field[] {
  return Array.from({ length: random(4) }, () => {
    const tag = TAGS[random(TAGS.length)]!;
    const values = [random(2 ** 32), BigInt(random(2 ** 32)) << 32n, randomBuffer(random, random(40)), "text", ""];
    return { tag, value: values[random(values.length)]! };
  });
}
