import { once } from "node:events";
import { type Header, type Pack, pack } from "tar-stream";
import { SmolVMError } from "../../errors/smolvm-error.ts";
import { cleanGuestText } from "../../guest/channel/guest-text.ts";
import type { Transfer } from "../../guest/files/transfer.ts";
import type { TreeEntry, TreeEvent } from "../../guest/files/tree-entry.ts";

/** Tar says the size of a file before its content, a tree behind it: files up to this size are held until it is known. */
const MAX_HELD_BYTES = 1_048_576;
const ZEROS = Buffer.alloc(65_536);

type TarHeader = Partial<Header> & Pick<Header, "name">;

/** A file whose content comes now. */
interface OpenFile {
  readonly header: TarHeader;
  readonly path: string;
  readonly held: { readonly offset: number; readonly bytes: Buffer }[];
  heldBytes: number;
  sink: ReturnType<Pack["entry"]> | undefined;
  position: number;
}

/** Makes a tar archive of a tree. Read it from `archive` while the tree is taken. */
export class TreeToTar {
  readonly archive: Pack = pack();
  readonly #path: string[];
  readonly #transfer: Transfer;
  readonly #sizeOf: (path: string) => Promise<number>;
  readonly #stop = new AbortController();
  #file: OpenFile | undefined;

  /**
   * @param rootName - the name of the tree's root in the archive.
   * @param sizeOf - the size of a large file of the guest, by its path below the root (empty for the root itself).
   */
  constructor(rootName: string, transfer: Transfer, sizeOf: (path: string) => Promise<number>) {
    this.#path = [rootName];
    this.#transfer = transfer;
    this.#sizeOf = sizeOf;
    // Whoever waits for the archive to be read waits in vain once its reader is gone.
    this.archive.once("close", () => this.#stop.abort());
  }

  async take(event: TreeEvent): Promise<void> {
    switch (event.kind) {
      case "entry":
        await this.#begin(event.entry);
        break;
      case "content":
        await this.#addContent(event.offset, event.bytes);
        break;
      case "file-end":
        await this.#endFile(event.size);
        break;
      case "leave":
        this.#path.pop();
        break;
    }
  }

  /** The tree is complete. */
  finish(): void {
    this.archive.finalize();
  }

  async #begin(entry: TreeEntry): Promise<void> {
    const names = entry.name === undefined ? this.#path : [...this.#path, utf8(entry.name)];
    const header: TarHeader = {
      name: names.join("/"),
      type: entry.type,
      mode: entry.mode,
      uid: entry.uid,
      gid: entry.gid,
      mtime: new Date(Number(entry.mtimeNs / 1_000_000n)),
    };
    if (entry.type === "file") {
      const path = names.slice(1).join("/");
      this.#file = { header, path, held: [], heldBytes: 0, sink: undefined, position: 0 };
    } else if (entry.type === "symlink") {
      await this.#put({ ...header, linkname: utf8(entry.target ?? Buffer.alloc(0)) });
      this.#transfer.count("symlinks");
    } else {
      await this.#put(header);
      if (entry.name !== undefined) this.#path.push(utf8(entry.name));
      this.#transfer.count("directories");
    }
  }

  async #addContent(offset: number, bytes: Buffer): Promise<void> {
    const file = this.#file!;
    this.#transfer.count("bytes", bytes.length);
    if (file.sink === undefined && file.heldBytes + bytes.length <= MAX_HELD_BYTES) {
      file.held.push({ offset, bytes: Buffer.from(bytes) });
      file.heldBytes += bytes.length;
      return;
    }
    if (file.sink === undefined) await this.#open(file, await this.#sizeOf(file.path));
    await this.#write(file, offset, bytes);
  }

  async #endFile(size: number): Promise<void> {
    const file = this.#file!;
    if (file.sink === undefined) await this.#open(file, size);
    await this.#fill(file, size);
    if (size !== file.header.size) throw changed(file);
    const sink = file.sink!;
    const ended = once(sink, "close", { signal: this.#stop.signal });
    sink.end(undefined);
    await ended;
    this.#file = undefined;
    this.#transfer.count("files");
  }

  async #open(file: OpenFile, size: number): Promise<void> {
    Object.assign(file.header, { size });
    file.sink = this.archive.entry(file.header);
    for (const { offset, bytes } of file.held.splice(0)) await this.#write(file, offset, bytes);
  }

  async #write(file: OpenFile, offset: number, bytes: Buffer): Promise<void> {
    await this.#fill(file, offset);
    file.position += bytes.length;
    if (file.position > (file.header.size ?? 0)) throw changed(file);
    if (!file.sink!.write(bytes)) await once(file.sink!, "drain", { signal: this.#stop.signal });
  }

  /** Writes the zeros of a hole: tar as everyone reads it knows none. */
  async #fill(file: OpenFile, end: number): Promise<void> {
    while (file.position < end) await this.#write(file, file.position, ZEROS.subarray(0, end - file.position));
  }

  async #put(header: TarHeader): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.archive.entry(header, (error) => (error === undefined || error === null ? resolve() : reject(error)));
    });
  }
}

function utf8(name: Buffer): string {
  const text = name.toString("utf8");
  if (Buffer.from(text).equals(name)) return text;
  throw new SmolVMError("UNSUPPORTED", `the guest has the name "${cleanGuestText(text)}", which is not UTF-8`, {
    hint: "Copy to a directory instead of a tar stream: that keeps names as they are.",
  });
}

function changed({ path }: OpenFile): SmolVMError {
  return new SmolVMError("GUEST_ERROR", `"${cleanGuestText(path)}" changed its size while it was read`, {
    hint: "Stop what writes to it, or copy to a directory instead of a tar stream.",
  });
}
