import { type Field, type FieldReader, fieldsByteLength, writeFields } from "../../../src/guest/protocol/fields.ts";
import {
  encodeCreditFrame,
  encodeDataFrame,
  encodeEmptyFrame,
  encodeFieldsFrame,
} from "../../../src/guest/protocol/frame-encoder.ts";
import { FrameType, Method, Status, Stream, Tag } from "../../../src/guest/protocol/frame-types.ts";
import { resultFrame } from "./scripted-guest.ts";
import { randomBuffer } from "./seeded-random.ts";

type Random = (below: number) => number;

/** What an honest guest answers to one request. */
export interface Dialogue {
  readonly frames: readonly Buffer[];
  /** Whether the last frame may come only behind the END of the input. */
  readonly needsInputEnd: boolean;
}

const STAT: readonly Field[] = [
  { tag: Tag.MODE, value: 0o100644 },
  { tag: Tag.SIZE, value: 1_000n },
  { tag: Tag.UID, value: 0 },
  { tag: Tag.GID, value: 0 },
  { tag: Tag.MTIME_NS, value: 1_700_000_000_000_000_000n },
  { tag: Tag.CTIME_NS, value: 1_700_000_000_000_000_000n },
  { tag: Tag.INODE, value: 12n },
  { tag: Tag.LINKS, value: 1 },
];
const EXIT: readonly Field[] = [
  { tag: Tag.EXIT_CODE, value: 0 },
  { tag: Tag.DURATION_US, value: 1_000n },
];

/** The answer to a REQUEST, whose contents the seed decides. */
export function honestDialogue(id: number, request: FieldReader, random: Random): Dialogue {
  const started = (fields: readonly Field[] = []): Buffer => encodeFieldsFrame(FrameType.STARTED, id, fields);
  const end = encodeEmptyFrame(FrameType.END, id, Stream.OUTPUT);
  const endErrors = encodeEmptyFrame(FrameType.END, id, Stream.ERRORS);
  const output = (bytes: Buffer): Buffer => encodeDataFrame(id, Stream.OUTPUT, bytes);
  const some = (): Buffer[] => Array.from({ length: random(4) }, () => output(randomBuffer(random, random(2_000))));
  const credit = [encodeCreditFrame(id, Stream.INPUT, 300_000)];
  const ok = (fields: readonly Field[] = []): Buffer => resultFrame(id, Status.OK, fields);
  const pid = { tag: Tag.PID, value: 42 };
  const frames = (...all: readonly Buffer[]): Dialogue => ({ frames: all, needsInputEnd: false });
  const behindInput = (...all: readonly Buffer[]): Dialogue => ({ frames: all, needsInputEnd: true });

  switch (request.u32(Tag.METHOD)) {
    case Method.EXEC:
      return frames(started([pid]), ...credit, ...some(), endErrors, end, ok(EXIT));
    case Method.PROCESS_ATTACH:
      return frames(
        started([pid, { tag: Tag.PROCESS, value: 7 }]),
        ...some(),
        skipped(id, 5),
        ...some(),
        end,
        endErrors,
        ok(EXIT),
      );
    case Method.FILE_READ:
      return frames(started(STAT), ...some(), end, ok());
    case Method.FILE_WRITE:
      return behindInput(started(), ...credit, ok([{ tag: Tag.SIZE, value: 200_000n }]));
    case Method.TREE_WRITE:
      return behindInput(started(), ...credit, ok());
    case Method.TREE_READ:
      return frames(started(), output(treeOfOneFile(randomBuffer(random, 1 + random(2_000)))), end, ok());
    case Method.FILE_LIST:
      return frames(started(), output(record([{ tag: Tag.NAME, value: "a" }, ...STAT])), end, ok());
    case Method.FILE_WATCH:
      return frames(
        started(),
        output(record([])),
        output(
          record([
            { tag: Tag.EVENT, value: 1 },
            { tag: Tag.NAME, value: "new" },
          ]),
        ),
        end,
        ok(),
      );
    case Method.PROCESS_LIST:
      return frames(
        started(),
        output(record([{ tag: Tag.PROCESS, value: 7 }, pid, { tag: Tag.START_NS, value: 1n }])),
        end,
        ok(),
      );
    case Method.CONNECT:
      return behindInput(started(), ...credit, ...some(), end, ok());
    case Method.FILE_STAT:
      return frames(ok(STAT));
    default:
      return frames(ok());
  }
}

export function skipped(id: number, bytes: number): Buffer {
  return encodeFieldsFrame(FrameType.SKIPPED, id, [
    { tag: Tag.STREAM, value: Stream.OUTPUT },
    { tag: Tag.SKIPPED, value: BigInt(bytes) },
  ]);
}

/** A tree stream: the record of a file, one extent, the end of the extents, the end of the tree. */
function treeOfOneFile(content: Buffer): Buffer {
  const entry = record(STAT.filter(({ tag }) => [Tag.MODE, Tag.UID, Tag.GID, Tag.MTIME_NS].includes(tag as never)));
  const extent = (offset: number, bytes: number): Buffer => {
    const head = Buffer.alloc(16);
    head.writeBigUInt64BE(BigInt(offset), 0);
    head.writeBigUInt64BE(BigInt(bytes), 8);
    return head;
  };
  return Buffer.concat([entry, extent(0, content.length), content, extent(content.length, 0), record([])]);
}

function record(fields: readonly Field[]): Buffer {
  const bytes = Buffer.alloc(4 + fieldsByteLength(fields));
  bytes.writeUInt32BE(bytes.length - 4);
  writeFields(bytes, 4, fields);
  return bytes;
}
