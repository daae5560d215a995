import type { BigIntStats, Dirent } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { hasErrno, type HostPath, hostFileError, joinHostPath, pathBelow } from "./host-path.ts";
import { prefetch } from "./prefetch.ts";
import { isSparse, readSmallHostFile, sendHostFile, treeEntryOf } from "./send-host-file.ts";
import type { Transfer } from "./transfer.ts";
import type { TreeEntry } from "./tree-entry.ts";
import type { TreeWriter } from "./tree-writer.ts";

/** Files up to this size are read ahead, this many at once: reading a small file is mostly waiting. */
const SMALL_FILE_BYTES = 65_536n;
const FILES_AHEAD = 32;

/** A file or link that is ready to be sent. */
interface Prepared {
  readonly path: HostPath;
  readonly entry: TreeEntry;
  /** Of a small file. */
  readonly content?: Buffer;
}

/** Sends a file or directory of this machine. Links in it are sent as what they are, and never followed. */
export class HostTreeSender {
  readonly #root: HostPath;
  readonly #tree: TreeWriter;
  readonly #transfer: Transfer;

  constructor(root: HostPath, tree: TreeWriter, transfer: Transfer) {
    this.#root = root;
    this.#tree = tree;
    this.#transfer = transfer;
  }

  /**
   * Sends all but the end of the tree.
   *
   * @param stats - of what the root leads to, where it is a link.
   */
  async send(stats: BigIntStats): Promise<void> {
    if (stats.isDirectory()) await this.#sendDirectory(this.#root, undefined, stats);
    else await this.#sendFile({ path: this.#root, entry: treeEntryOf("file", undefined, stats) });
  }

  async #sendDirectory(path: HostPath, name: Buffer | undefined, stats: BigIntStats): Promise<void> {
    const entries = await this.#read(path);
    await this.#tree.entry(treeEntryOf("directory", name, stats));
    this.#transfer.count("directories");
    const others = entries.filter((entry) => !entry.isDirectory());
    for await (const prepared of prefetch(others, FILES_AHEAD, (entry) => this.#prepare(path, entry))) {
      if (prepared?.entry.type === "symlink") await this.#sendLink(prepared.entry);
      else if (prepared !== undefined) await this.#sendFile(prepared);
    }
    // Behind the files, so that what is read ahead is that of one directory at a time.
    for (const entry of entries) {
      if (!entry.isDirectory()) continue;
      const inner = joinHostPath(path, entry.name);
      const innerStats = await this.#unlessGone(inner, () => lstat(inner, { bigint: true }));
      if (innerStats?.isDirectory() === true) await this.#sendDirectory(inner, entry.name, innerStats);
    }
    await this.#tree.leave();
  }

  async #read(path: HostPath): Promise<Dirent<Buffer>[]> {
    try {
      return await readdir(path, { encoding: "buffer", withFileTypes: true });
    } catch (error) {
      throw hostFileError("reading the directory", path, error);
    }
  }

  async #prepare(directory: HostPath, { name }: Dirent<Buffer>): Promise<Prepared | undefined> {
    const path = joinHostPath(directory, name);
    return await this.#unlessGone(path, async () => {
      const stats = await lstat(path, { bigint: true });
      if (stats.isSymbolicLink()) {
        const target = await readlink(path, { encoding: "buffer" });
        return { path, entry: treeEntryOf("symlink", name, stats, target) };
      }
      if (!stats.isFile()) {
        this.#transfer.skip(pathBelow(this.#root, path), "it is neither a file, a directory nor a link");
        return undefined;
      }
      const entry = treeEntryOf("file", name, stats);
      if (stats.size > SMALL_FILE_BYTES || isSparse(stats)) return { path, entry };
      return { path, entry, content: await readSmallHostFile(path) };
    });
  }

  async #sendLink(entry: TreeEntry): Promise<void> {
    await this.#tree.entry(entry);
    this.#transfer.count("symlinks");
  }

  async #sendFile({ path, entry, content }: Prepared): Promise<void> {
    const countBytes = (bytes: number): void => this.#transfer.count("bytes", bytes);
    if (content === undefined) {
      const sent = await this.#unlessGone(path, async () => {
        await sendHostFile(path, entry, this.#tree, countBytes);
        return true;
      });
      if (sent === undefined) return;
    } else {
      await this.#tree.entry(entry);
      await this.#tree.content(0, content);
      await this.#tree.fileEnd(content.length);
      countBytes(content.length);
    }
    this.#transfer.count("files");
  }

  /** What is removed while its directory is read was not there. */
  async #unlessGone<Value>(path: HostPath, look: () => Promise<Value>): Promise<Value | undefined> {
    try {
      return await look();
    } catch (error) {
      if (!hasErrno(error, "ENOENT")) throw hostFileError("reading", path, error);
      this.#transfer.skip(pathBelow(this.#root, path), "it was removed meanwhile");
      return undefined;
    }
  }
}
