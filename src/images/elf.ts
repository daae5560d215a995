/** A named section of an ELF file. */
interface Section {
  readonly name: string;
  readonly content: Buffer;
}

const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;
const SHT_NOBITS = 8;
const PT_NOTE = 4;
/** Linux, include/xen/interface/elfnote.h: the 32-bit entry point for PVH. */
const XEN_ELFNOTE_PHYS32_ENTRY = 18;

/**
 * The content of a section of a 64-bit little-endian ELF file, or undefined when there is none of that name.
 *
 * @throws {RangeError} when the bytes are no such file or a table of it lies outside.
 */
export function readElfSection(elf: Buffer, name: string): Buffer | undefined {
  return sections(elf).find((section) => section.name === name)?.content;
}

/** Whether an x86 `vmlinux` can be started through PVH: it then carries the note XEN_ELFNOTE_PHYS32_ENTRY. */
export function hasPvhEntry(elf: Buffer): boolean {
  assertElf64(elf);
  const offset = Number(elf.readBigUInt64LE(0x20));
  const entryBytes = elf.readUInt16LE(0x36);
  const count = elf.readUInt16LE(0x38);
  for (let index = 0; index < count; index++) {
    const at = offset + index * entryBytes;
    if (elf.readUInt32LE(at) !== PT_NOTE) continue;
    const start = Number(elf.readBigUInt64LE(at + 8));
    const sizeBytes = Number(elf.readBigUInt64LE(at + 32));
    if (notes(elf.subarray(start, start + sizeBytes)).some(isPvhNote)) return true;
  }
  return false;
}

interface Note {
  readonly owner: string;
  readonly type: number;
}

const isPvhNote = (note: Note): boolean => note.owner === "Xen" && note.type === XEN_ELFNOTE_PHYS32_ENTRY;

function notes(bytes: Buffer): Note[] {
  const found: Note[] = [];
  const aligned = (length: number): number => (length + 3) & ~3;
  let at = 0;
  while (at + 12 <= bytes.length) {
    const nameBytes = bytes.readUInt32LE(at);
    const contentBytes = bytes.readUInt32LE(at + 4);
    found.push({ owner: cString(bytes, at + 12), type: bytes.readUInt32LE(at + 8) });
    at += 12 + aligned(nameBytes) + aligned(contentBytes);
  }
  return found;
}

function sections(elf: Buffer): Section[] {
  assertElf64(elf);
  const offset = Number(elf.readBigUInt64LE(0x28));
  const entryBytes = elf.readUInt16LE(0x3a);
  const count = elf.readUInt16LE(0x3c);
  const namesIndex = elf.readUInt16LE(0x3e);
  const contentAt = (index: number): Buffer => {
    const at = offset + index * entryBytes;
    if (elf.readUInt32LE(at + 4) === SHT_NOBITS) return Buffer.alloc(0);
    const start = Number(elf.readBigUInt64LE(at + 24));
    return elf.subarray(start, start + Number(elf.readBigUInt64LE(at + 32)));
  };
  const names = contentAt(namesIndex);
  return Array.from({ length: count }, (_, index) => ({
    name: cString(names, elf.readUInt32LE(offset + index * entryBytes)),
    content: contentAt(index),
  }));
}

function assertElf64(elf: Buffer): void {
  const isElf = elf.length >= 64 && elf.toString("latin1", 0, 4) === "\x7fELF";
  if (!isElf || elf[4] !== ELFCLASS64 || elf[5] !== ELFDATA2LSB) {
    throw new RangeError("expected a 64-bit little-endian ELF file");
  }
}

function cString(bytes: Buffer, start: number): string {
  const end = bytes.indexOf(0, start);
  return bytes.toString("latin1", start, end === -1 ? bytes.length : end);
}
