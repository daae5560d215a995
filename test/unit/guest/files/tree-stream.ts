import type { TreeEntry, TreeEvent } from "../../../../src/guest/files/tree-entry.ts";
import { TreeReader } from "../../../../src/guest/files/tree-reader.ts";
import { encodeRecord } from "../../../../src/guest/files/tree-record.ts";
import { TreeWriter } from "../../../../src/guest/files/tree-writer.ts";
import type { Field } from "../../../../src/guest/protocol/fields.ts";
import { Tag, TreeFlag } from "../../../../src/guest/protocol/frame-types.ts";

/** An event in a form that can be compared: content is joined, as it may be cut anywhere. */
export type PlainEvent = TreeEntry | readonly [offset: number, content: string] | { readonly size: number } | "leave";

/** All that a tree stream holds, read in the given chunks. */
export function readTree(chunks: Iterable<Uint8Array>): PlainEvent[] {
  const reader = new TreeReader();
  const events: PlainEvent[] = [];
  let nextOffset = -1;
  for (const chunk of chunks) {
    for (const event of reader.push(chunk)) {
      const last = events.at(-1);
      if (event.kind === "content" && Array.isArray(last) && event.offset === nextOffset) {
        events.splice(-1, 1, [last[0] as number, (last[1] as string) + event.bytes.toString("latin1")]);
      } else {
        events.push(plain(event));
      }
      nextOffset = event.kind === "content" ? event.offset + event.bytes.length : -1;
    }
  }
  reader.finish();
  return events;
}

function plain(event: TreeEvent): PlainEvent {
  switch (event.kind) {
    case "entry":
      return event.entry;
    case "content":
      return [event.offset, event.bytes.toString("latin1")];
    case "file-end":
      return { size: event.size };
    case "leave":
      return "leave";
  }
}

/** What a `TreeWriter` makes of the calls in `write`. */
export async function writeTree(write: (tree: TreeWriter) => Promise<void>): Promise<Buffer> {
  const blocks: Buffer[] = [];
  const tree = new TreeWriter(async (block) => void blocks.push(Buffer.from(block)));
  await write(tree);
  await tree.end();
  return Buffer.concat(blocks);
}

/** The bytes of an entry that nobody has checked. */
export function rawEntry(name: string | Buffer | undefined, mode: number, more: readonly Field[] = []): Buffer {
  return encodeRecord([
    ...(name === undefined ? [] : [{ tag: Tag.NAME, value: name }]),
    { tag: Tag.MODE, value: mode },
    { tag: Tag.UID, value: 0 },
    { tag: Tag.GID, value: 0 },
    { tag: Tag.MTIME_NS, value: 1_700_000_000_123_456_789n },
    ...more,
  ]);
}

export const DIRECTORY = 0o040755;
export const FILE = 0o100644;
export const LINK = 0o120777;

export function rawDirectory(name?: string | Buffer, ...inner: readonly Buffer[]): Buffer {
  return Buffer.concat([rawEntry(name, DIRECTORY), ...inner, rawLeave()]);
}

export function rawFile(name: string | Buffer | undefined, content: string, mode: number = FILE): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([
    rawEntry(name, mode),
    rawExtent(0n, BigInt(bytes.length)),
    ...(bytes.length === 0 ? [] : [bytes, rawExtent(BigInt(bytes.length), 0n)]),
  ]);
}

export function rawLink(name: string | Buffer | undefined, target: string): Buffer {
  return rawEntry(name, LINK, [{ tag: Tag.TARGET, value: target }]);
}

export function rawExtent(offset: bigint, length: bigint): Buffer {
  const header = Buffer.alloc(16);
  header.writeBigUInt64BE(offset, 0);
  header.writeBigUInt64BE(length, 8);
  return header;
}

export function rawLeave(): Buffer {
  return encodeRecord([{ tag: Tag.FLAGS, value: TreeFlag.LEAVE }]);
}

export function rawEnd(): Buffer {
  return encodeRecord([]);
}
