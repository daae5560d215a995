/** An LZ4 legacy frame that holds the bytes as literals. */
export function lz4Frame(plain: Buffer): Buffer {
  const lengths: number[] = [];
  if (plain.length >= 15) {
    let rest = plain.length - 15;
    for (; rest >= 255; rest -= 255) lengths.push(255);
    lengths.push(rest);
  }
  const block = Buffer.concat([Buffer.from([Math.min(plain.length, 15) << 4, ...lengths]), plain]);
  const head = Buffer.from([0x02, 0x21, 0x4c, 0x18, 0, 0, 0, 0]);
  head.writeUInt32LE(block.length, 4);
  return Buffer.concat([head, block]);
}

/** A 64-bit ELF file with one note (when `pvh`) and the given sections. */
export function elf(options: { readonly pvh?: boolean; readonly sections?: Readonly<Record<string, Buffer>> }): Buffer {
  const note = Buffer.alloc(24);
  note.writeUInt32LE(4, 0);
  note.writeUInt32LE(8, 4);
  note.writeUInt32LE(18, 8);
  note.write("Xen\0", 12, "latin1");
  const sections = Object.entries(options.sections ?? {});
  const names = Buffer.from(`\0${[...sections.map(([name]) => name), ".shstrtab"].join("\0")}\0`);
  const contents = [...sections.map(([, content]) => content), names];
  const noteOffset = 64 + 56;
  const header = Buffer.alloc(64);
  header.write("\x7fELF\x02\x01\x01", 0, "latin1");
  header.writeBigUInt64LE(64n, 0x20);
  header.writeUInt16LE(56, 0x36);
  header.writeUInt16LE(options.pvh ? 1 : 0, 0x38);
  const program = Buffer.alloc(56);
  program.writeUInt32LE(4, 0);
  program.writeBigUInt64LE(BigInt(noteOffset), 8);
  program.writeBigUInt64LE(BigInt(note.length), 32);

  let at = noteOffset + note.length;
  const offsets = contents.map((content) => (at += content.length) - content.length);
  header.writeBigUInt64LE(BigInt(at), 0x28);
  header.writeUInt16LE(64, 0x3a);
  header.writeUInt16LE(contents.length, 0x3c);
  header.writeUInt16LE(contents.length - 1, 0x3e);
  const table = contents.map((content, index) => {
    const entry = Buffer.alloc(64);
    const name = sections[index]?.[0] ?? ".shstrtab";
    entry.writeUInt32LE(names.indexOf(`\0${name}\0`) + 1, 0);
    entry.writeUInt32LE(1, 4);
    entry.writeBigUInt64LE(BigInt(offsets[index] ?? 0), 24);
    entry.writeBigUInt64LE(BigInt(content.length), 32);
    return entry;
  });
  return Buffer.concat([header, program, note, ...contents, ...table]);
}

/** A kernel module with the given direct dependencies. */
export function moduleFile(dependencies: readonly string[]): Buffer {
  return elf({ sections: { ".modinfo": Buffer.from(`license=GPL\0depends=${dependencies.join(",")}\0`) } });
}

/** A bzImage whose payload is given, with what the kernel's build appends to it. */
export function bzImage(payload: Buffer, protocol = 0x020f): Buffer {
  const head = Buffer.alloc(1024);
  head[0x1f1] = 1;
  head.writeUInt16LE(0xaa55, 0x1fe);
  head.write("HdrS", 0x202, "latin1");
  head.writeUInt16LE(protocol, 0x206);
  head.writeUInt32LE(16, 0x248);
  head.writeUInt32LE(payload.length, 0x24c);
  return Buffer.concat([head, Buffer.alloc(16, 0x90), payload, Buffer.alloc(32)]);
}

/** An arm64 Image. */
export function arm64Image(): Buffer {
  const image = Buffer.alloc(4096);
  image.write("ARM\x64", 56, "latin1");
  return image;
}
