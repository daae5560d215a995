/** One entry of a cpio archive. Paths are relative, without a leading slash. */
export type CpioEntry =
  | { readonly type: "directory"; readonly path: string; readonly mode?: number }
  | { readonly type: "file"; readonly path: string; readonly content: Uint8Array; readonly mode?: number }
  | { readonly type: "symlink"; readonly path: string; readonly target: string }
  | {
      readonly type: "character-device";
      readonly path: string;
      readonly major: number;
      readonly minor: number;
      readonly mode?: number;
    };

const MAGIC = "070701";
const TRAILER = "TRAILER!!!";
// The kernel reads whole archives of any length; 512 is what cpio(1) pads to.
const BLOCK_BYTES = 512;
const MAX_FILE_BYTES = 0xffff_ffff;

/**
 * Writes a cpio archive in the "newc" format that the Linux kernel unpacks as an initramfs.
 *
 * The bytes depend on the entries alone: they are sorted by path (so that a directory precedes what it holds), with
 * inode numbers counted from 1, mtime 0 and owner 0:0. A device node in the archive needs no privilege to write.
 *
 * Format: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
 *
 * @throws {RangeError} when a path is absolute, has a `..` part or occurs twice, or a file is 4 GiB or larger.
 */
export function writeCpioArchive(entries: readonly CpioEntry[]): Buffer {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const parts: Uint8Array[] = [];
  let length = 0;
  const push = (bytes: Uint8Array): void => {
    parts.push(bytes);
    length += bytes.length;
  };
  const pad = (alignment: number): void => push(Buffer.alloc((alignment - (length % alignment)) % alignment));

  let previous: string | undefined;
  for (const [index, entry] of sorted.entries()) {
    assertPath(entry.path, previous);
    previous = entry.path;
    const content = contentOf(entry);
    push(header(entry, index + 1, content.length));
    pad(4);
    push(content);
    pad(4);
  }
  push(trailer());
  pad(BLOCK_BYTES);
  return Buffer.concat(parts, length);
}

function assertPath(path: string, previous: string | undefined): void {
  if (path === "" || path.startsWith("/") || path.includes("\0") || path.split("/").includes("..")) {
    throw new RangeError(`a path in an archive must be relative and without "..", got "${path}"`);
  }
  if (path === previous) throw new RangeError(`the path "${path}" occurs twice in the archive`);
}

function contentOf(entry: CpioEntry): Uint8Array {
  if (entry.type === "symlink") return Buffer.from(entry.target);
  if (entry.type !== "file") return Buffer.alloc(0);
  if (entry.content.length > MAX_FILE_BYTES) throw new RangeError(`"${entry.path}" is too large for a cpio archive`);
  return entry.content;
}

const S_IFCHR = 0o020000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;

function modeOf(entry: CpioEntry): number {
  switch (entry.type) {
    case "directory":
      return S_IFDIR | (entry.mode ?? 0o755);
    case "file":
      return S_IFREG | (entry.mode ?? 0o644);
    case "symlink":
      return S_IFLNK | 0o777;
    case "character-device":
      return S_IFCHR | (entry.mode ?? 0o600);
  }
}

function header(entry: CpioEntry, inode: number, fileBytes: number): Buffer {
  const isDevice = entry.type === "character-device";
  return encodeHeader(entry.path, {
    inode,
    mode: modeOf(entry),
    links: entry.type === "directory" ? 2 : 1,
    fileBytes,
    deviceMajor: isDevice ? entry.major : 0,
    deviceMinor: isDevice ? entry.minor : 0,
  });
}

function trailer(): Buffer {
  return encodeHeader(TRAILER, { inode: 0, mode: 0, links: 1, fileBytes: 0, deviceMajor: 0, deviceMinor: 0 });
}

interface HeaderFields {
  readonly inode: number;
  readonly mode: number;
  readonly links: number;
  readonly fileBytes: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

function encodeHeader(path: string, f: HeaderFields): Buffer {
  const name = Buffer.from(`${path}\0`);
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const numbers = [f.inode, f.mode, 0, 0, f.links, 0, f.fileBytes, 0, 0, f.deviceMajor, f.deviceMinor, name.length, 0];
  const digits = numbers.map((n) => n.toString(16).toUpperCase().padStart(8, "0")).join("");
  return Buffer.concat([Buffer.from(MAGIC + digits), name]);
}
