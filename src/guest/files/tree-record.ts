import { type Field, type FieldReader, fieldsByteLength, writeFields } from "../protocol/fields.ts";
import { Tag } from "../protocol/frame-types.ts";
import { protocolViolation } from "../protocol/protocol-violation.ts";
import { typeOfMode } from "./file-stat.ts";
import { type TreeEntry, TYPE_BITS } from "./tree-entry.ts";

/** What Linux takes for the target of a link. */
const MAX_TARGET_BYTES = 4_095;
/** Three times what most filesystems take, for those that count characters. */
const MAX_NAME_BYTES = 1_024;

const SLASH = 0x2f;
const DOT = 0x2e;

/** Whether the bytes are one component of a path. */
export function isTreeName(name: Uint8Array): boolean {
  if (name.length === 0 || name.length > MAX_NAME_BYTES || name.includes(0) || name.includes(SLASH)) return false;
  return name[0] !== DOT || name.length > 2 || (name.length === 2 && name[1] !== DOT);
}

/** Reads the record of an entry, of which copies are made. What no tree can hold is a violation of the protocol. */
export function parseTreeEntry(record: FieldReader, isRoot: boolean): TreeEntry {
  const name = record.bytes(Tag.NAME);
  const mode = record.u32(Tag.MODE);
  const mtime = record.u64(Tag.MTIME_NS);
  if (mode === undefined || mtime === undefined) throw protocolViolation("an entry of a tree lacks a field");
  if ((name === undefined) !== isRoot) throw protocolViolation("the root of a tree, and no other entry, has no name");
  if (name !== undefined && !isTreeName(name)) throw protocolViolation("the guest sent a name that no file can have");
  const type = typeOfMode(mode);
  if (type !== "file" && type !== "directory" && type !== "symlink") {
    throw protocolViolation(`a tree holds something of the type ${type}`);
  }
  return {
    name: name === undefined ? undefined : Buffer.from(name),
    type,
    mode: mode & 0o7777,
    uid: record.u32(Tag.UID) ?? 0,
    gid: record.u32(Tag.GID) ?? 0,
    mtimeNs: BigInt.asIntN(64, mtime),
    ...(type === "symlink" ? { target: parseTarget(record.bytes(Tag.TARGET)) } : {}),
  };
}

function parseTarget(target: Buffer | undefined): Buffer {
  if (target === undefined || target.length === 0 || target.length > MAX_TARGET_BYTES || target.includes(0)) {
    throw protocolViolation("the guest sent a symbolic link that says what none can say");
  }
  return Buffer.from(target);
}

/** The record of an entry. */
export function encodeTreeEntry(entry: TreeEntry): Buffer {
  const { name, type, mode, uid, gid, mtimeNs, target } = entry;
  return encodeRecord([
    ...(name === undefined ? [] : [{ tag: Tag.NAME, value: name }]),
    { tag: Tag.MODE, value: (TYPE_BITS[type] | mode) >>> 0 },
    { tag: Tag.UID, value: uid },
    { tag: Tag.GID, value: gid },
    { tag: Tag.MTIME_NS, value: BigInt.asUintN(64, mtimeNs) },
    ...(target === undefined ? [] : [{ tag: Tag.TARGET, value: target }]),
  ]);
}

/** A record: its length, and its fields. */
export function encodeRecord(fields: readonly Field[]): Buffer {
  const length = fieldsByteLength(fields);
  const record = Buffer.allocUnsafe(4 + length);
  record.writeUInt32BE(length, 0);
  writeFields(record, 4, fields);
  return record;
}
