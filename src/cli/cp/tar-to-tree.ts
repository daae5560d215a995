import { extract, type Header } from "tar-stream";
import { SmolVMError, ValidationError } from "../../errors/smolvm-error.ts";
import { cleanGuestText } from "../../guest/channel/guest-text.ts";
import type { Transfer } from "../../guest/files/transfer.ts";
import type { TreeEntry } from "../../guest/files/tree-entry.ts";
import type { TreeWriter } from "../../guest/files/tree-writer.ts";

const NEW_DIRECTORY_MODE = 0o755;

/**
 * Writes a tar archive as a tree, without its end. The entries of an archive come in any order: directories are left and entered again
 * as needed, and those that no entry tells of are made.
 *
 * @throws {ValidationError} for a name that leads out of the directory.
 */
export class TarToTree {
  readonly #tree: TreeWriter;
  readonly #transfer: Transfer;
  /** The directories that are entered, below the root. */
  readonly #inside: string[] = [];

  constructor(tree: TreeWriter, transfer: Transfer) {
    this.#tree = tree;
    this.#transfer = transfer;
  }

  async send(archive: AsyncIterable<Uint8Array>): Promise<void> {
    const tar = extract();
    // Errors of the source and of the archive both come out where the entries are read.
    const fed = feed(archive, tar);
    fed.catch((error: Error) => tar.destroy(error));
    await this.#tree.entry(directoryEntry(undefined));
    try {
      for await (const entry of tar)
        await this.#add(entry.header, entry as AsyncIterable<unknown> as AsyncIterable<Buffer>);
    } catch (error) {
      throw error instanceof SmolVMError || (error as NodeJS.ErrnoException).name === "AbortError"
        ? error
        : notTar(error);
    }
    await fed;
    await this.#enter([]);
    await this.#tree.leave();
  }

  async #add(header: Header, content: AsyncIterable<Buffer>): Promise<void> {
    const parts = safeParts(header.name);
    const name = parts.at(-1);
    switch (header.type) {
      case "directory":
        await this.#enter(parts, header);
        break;
      case "symlink":
        if (name !== undefined) await this.#addLink(parts, name, header);
        break;
      case "file":
      case "contiguous-file":
        if (name !== undefined) return await this.#addFile(parts, name, header, content);
        break;
      case "link":
        throw new SmolVMError("UNSUPPORTED", `the archive holds the hard link "${cleanGuestText(header.name)}"`, {
          hint: "Make the archive with `tar --hard-dereference`: then it holds a copy in the place of each hard link.",
        });
      default:
        this.#transfer.skip(header.name, "it is neither a file, a directory nor a link");
    }
    for await (const _ of content) continue;
  }

  async #addLink(parts: readonly string[], name: string, header: Header): Promise<void> {
    await this.#enter(parts.slice(0, -1));
    const target = Buffer.from(header.linkname);
    await this.#tree.entry({ ...entryOf("symlink", name, header), target });
    this.#transfer.count("symlinks");
  }

  async #addFile(
    parts: readonly string[],
    name: string,
    header: Header,
    content: AsyncIterable<Buffer>,
  ): Promise<void> {
    await this.#enter(parts.slice(0, -1));
    await this.#tree.entry(entryOf("file", name, header));
    let size = 0;
    for await (const bytes of content) {
      await this.#tree.content(size, bytes);
      size += bytes.length;
      this.#transfer.count("bytes", bytes.length);
    }
    await this.#tree.fileEnd(size);
    this.#transfer.count("files");
  }

  /** Leaves and enters directories until it is in this one. */
  async #enter(path: readonly string[], header?: Header): Promise<void> {
    while (this.#inside.some((name, index) => name !== path[index])) {
      await this.#tree.leave();
      this.#inside.pop();
    }
    for (const name of path.slice(this.#inside.length)) {
      const isLast = this.#inside.length === path.length - 1;
      const entry = isLast && header !== undefined ? entryOf("directory", name, header) : directoryEntry(name);
      await this.#tree.entry(entry);
      this.#inside.push(name);
      this.#transfer.count("directories");
    }
  }
}

async function feed(archive: AsyncIterable<Uint8Array>, tar: ReturnType<typeof extract>): Promise<void> {
  for await (const bytes of archive) {
    if (!tar.write(bytes)) await new Promise<void>((resolve) => tar.once("drain", resolve).once("close", resolve));
    if (tar.destroyed) return;
  }
  tar.end(undefined);
}

/** The components of a name. */
function safeParts(name: string): string[] {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (!name.startsWith("/") && !parts.includes("..") && !name.includes("\0") && !name.includes("\ufffd")) return parts;
  throw new ValidationError(
    "INVALID_PATH",
    `the archive holds "${cleanGuestText(name)}", which is no name below a directory`,
    {
      hint: "Names in an archive must be relative, without `..`, and UTF-8.",
    },
  );
}

function entryOf(type: TreeEntry["type"], name: string, header: Header): TreeEntry {
  const mtimeMs = Math.trunc(header.mtime.getTime());
  return {
    name: Buffer.from(name),
    type,
    mode: header.mode & 0o7777,
    uid: 0,
    gid: 0,
    mtimeNs: BigInt(Number.isNaN(mtimeMs) ? 0 : mtimeMs) * 1_000_000n,
  };
}

/** A directory that no entry tells of. */
function directoryEntry(name: string | undefined): TreeEntry {
  const bytes = name === undefined ? undefined : Buffer.from(name);
  const mtimeNs = BigInt(Date.now()) * 1_000_000n;
  return { name: bytes, type: "directory", mode: NEW_DIRECTORY_MODE, uid: 0, gid: 0, mtimeNs };
}

function notTar(cause: unknown): ValidationError {
  return new ValidationError(
    "INVALID_OPTION",
    `what comes on stdin is no whole tar archive: ${(cause as Error).message}`,
    {
      cause,
      hint: "Make it with `tar -c`, without compression.",
    },
  );
}
