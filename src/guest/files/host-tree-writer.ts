import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { type Extent, HostFileWriter, writeHostFile } from "./host-file-writer.ts";
import { finishHostDirectory, makeHostDirectory, refuseHostDirectory } from "./host-directory.ts";
import { HostLinks } from "./host-links.ts";
import { type HostPath, hostFileError, joinHostPath, pathBelow } from "./host-path.ts";
import type { SymlinkPolicy } from "./link-policy.ts";
import { TaskPool } from "./task-pool.ts";
import type { Transfer } from "./transfer.ts";
import type { TreeEntry, TreeEvent } from "./tree-entry.ts";

/** Files up to this size are collected, and this many of them written at once: writing a small file is mostly waiting. */
const SMALL_FILE_BYTES = 65_536;
const FILES_AT_ONCE = 16;

/** A directory whose entries come now, or that must wait for the links below it. */
interface OpenDirectory {
  readonly path: HostPath;
  readonly entry: TreeEntry;
  /** One that existed keeps its permissions and time: those are not the guest's business. */
  readonly isNew: boolean;
  holdsLinks: boolean;
}

/** The file whose content comes now: in memory, until it turns out to be large. */
interface OpenFile {
  readonly path: HostPath;
  readonly entry: TreeEntry;
  readonly extents: Extent[];
  heldBytes: number;
  writer: HostFileWriter | undefined;
}

/**
 * Makes the tree of a hostile guest on this machine, and nothing outside of it. Each directory is made by us or looked at
 * before anything is put into it, and is none that a link leads to; no directory is ever replaced, so that what was looked
 * at stays true. Links come last, when nothing is written any more.
 */
export class HostTreeWriter {
  readonly #root: HostPath;
  readonly #transfer: Transfer;
  readonly #directories: OpenDirectory[] = [];
  readonly #pool: TaskPool = new TaskPool(FILES_AT_ONCE);
  readonly #links: HostLinks;
  readonly #finishedLate: OpenDirectory[] = [];
  #file: OpenFile | undefined;

  constructor(root: HostPath, policy: SymlinkPolicy, transfer: Transfer) {
    this.#root = root;
    this.#links = new HostLinks(policy);
    this.#transfer = transfer;
  }

  /** Takes the next event of the tree. */
  async take(event: TreeEvent): Promise<void> {
    switch (event.kind) {
      case "entry":
        await this.#begin(event.entry);
        break;
      case "content":
        await this.#addContent(event);
        break;
      case "file-end":
        await this.#endFile(event.size);
        break;
      case "leave":
        await this.#leave();
        break;
    }
  }

  /** The tree is complete. */
  async finish(): Promise<void> {
    await this.#pool.drain();
    await this.#links.make();
    for (const { path, entry, isNew } of this.#finishedLate) if (isNew) await finishHostDirectory(path, entry);
  }

  /** Removes the file that is not complete. What is complete stays. */
  async abandon(): Promise<void> {
    await this.#pool.drain().catch(() => {
      // It has been thrown, or another error was first.
    });
    await this.#file?.writer?.abandon();
  }

  async #begin(entry: TreeEntry): Promise<void> {
    const parent = this.#directories.at(-1);
    const path =
      parent === undefined || entry.name === undefined
        ? await this.#placeRoot(entry)
        : joinHostPath(parent.path, entry.name);
    switch (entry.type) {
      case "directory":
        this.#directories.push({ path, entry, isNew: await makeHostDirectory(path), holdsLinks: false });
        this.#transfer.count("directories");
        break;
      case "symlink":
        this.#keepLink(path, entry);
        break;
      case "file":
        this.#file = { path, entry, extents: [], heldBytes: 0, writer: undefined };
        break;
    }
  }

  /** Makes the directories above the root. They are the caller's choice, links among them too. */
  async #placeRoot(entry: TreeEntry): Promise<HostPath> {
    const above = dirname(this.#root.toString("latin1"));
    try {
      await mkdir(Buffer.from(above, "latin1"), { recursive: true });
    } catch (error) {
      throw hostFileError("making the directory of", this.#root, error);
    }
    if (entry.type !== "directory") await refuseHostDirectory(this.#root);
    return this.#root;
  }

  #keepLink(path: HostPath, entry: TreeEntry): void {
    const reason = this.#links.keep(path, entry, this.#directories.length - 1);
    if (reason !== undefined) {
      this.#transfer.skip(pathBelow(this.#root, path), reason);
      return;
    }
    for (const directory of this.#directories) directory.holdsLinks = true;
    this.#transfer.count("symlinks");
  }

  async #addContent({ offset, bytes }: Extract<TreeEvent, { kind: "content" }>): Promise<void> {
    const file = this.#file!;
    this.#transfer.count("bytes", bytes.length);
    if (file.heldBytes + bytes.length <= SMALL_FILE_BYTES && file.writer === undefined) {
      file.extents.push({ offset, bytes: Buffer.from(bytes) });
      file.heldBytes += bytes.length;
      return;
    }
    if (file.writer === undefined) {
      file.writer = await HostFileWriter.open(file.path);
      for (const extent of file.extents.splice(0)) await file.writer.write(extent);
    }
    await file.writer.write({ offset, bytes });
  }

  async #endFile(size: number): Promise<void> {
    const { path, entry, extents, writer } = this.#file!;
    if (writer === undefined) await this.#pool.add(() => writeHostFile(path, entry, extents, size));
    else await writer.finish(size, entry);
    this.#file = undefined;
    this.#transfer.count("files");
  }

  async #leave(): Promise<void> {
    await this.#pool.drain();
    const directory = this.#directories.pop()!;
    // A directory without the permission to write could take no links any more.
    if (directory.holdsLinks) this.#finishedLate.push(directory);
    else if (directory.isNew) await finishHostDirectory(directory.path, directory.entry);
  }
}
