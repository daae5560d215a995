import { assertKnownOptions } from "../../config/known-options.ts";
import { assertTimeout } from "../../config/timeout.ts";
import { download, DOWNLOAD_OPTIONS, type DownloadOptions } from "../../guest/files/download.ts";
import { CALL_OPTIONS, type FileCallOptions } from "../../guest/files/file-call.ts";
import type { FileData } from "../../guest/files/file-data.ts";
import { GuestFileError } from "../../guest/files/file-error.ts";
import type { GuestUser } from "../../guest/identity/who-fields.ts";
import {
  changeFile,
  type ChangeOptions,
  makeDirectory,
  type MakeDirectoryOptions,
  makeSymlink,
  removeFile,
  type RemoveOptions,
  renameFile,
  type RenameOptions,
  statFile,
  type StatOptions,
} from "../../guest/files/file-requests.ts";
import type { FileStat } from "../../guest/files/file-stat.ts";
import { checkGuestPath } from "../../guest/files/guest-path.ts";
import { type DirectoryEntry, listDirectory, type ListOptions } from "../../guest/files/list-directory.ts";
import { readFile, type ReadFileOptions, readFileStream, type ReadStreamOptions } from "../../guest/files/read-file.ts";
import type { TransferResult } from "../../guest/files/transfer.ts";
import { upload, UPLOAD_OPTIONS, type UploadOptions } from "../../guest/files/upload.ts";
import { type FileWatcher, watchPath, type WatchOptions } from "../../guest/files/watch-path.ts";
import { writeFile, writeFileStream } from "../../guest/files/write-file.ts";
import { WRITE_OPTIONS, type WriteFileOptions } from "../../guest/files/write-request.ts";
import type { Connect } from "../connect.ts";
import { iterable, type Watching } from "./watching.ts";

const READ_STREAM_OPTIONS = ["offset", "length"];

/**
 * The files of one VM, as `vm.files`. Paths are absolute, and everything is done as root of the guest. No program of the guest is
 * needed for it.
 *
 * Every method takes `signal` and `timeoutMs` (no deadline by default), and throws {@link GuestFileError} where the guest cannot do
 * it, {@link ValidationError} for a wrong argument, `CHANNEL_BROKEN` when the VM goes away, `OperationTimeoutError`, or the
 * signal's reason.
 *
 * @example
 * ```ts
 * import { SmolVM } from "smolvm";
 *
 * await using vm = await SmolVM.launch();
 * await vm.files.write("/root/greeting.txt", "hello\n");
 * console.log(await vm.files.readText("/root/greeting.txt"));
 * for (const { name, type, size } of await vm.files.list("/root")) console.log(name, type, size);
 * ```
 */
export class VMFiles {
  readonly #connect: Connect;

  /** @internal */
  constructor(connect: Connect) {
    this.#connect = connect;
  }

  /**
   * Reads a file into memory.
   *
   * @param options - `offset` and `length` in bytes: the whole file by default; `maxBytes`: 256 MiB by default.
   * @throws {SmolVMError} `TRANSFER_LIMIT` for more than `maxBytes`.
   */
  async read(path: string, options: ReadFileOptions = {}): Promise<Uint8Array> {
    check("read()", path, options, [...READ_STREAM_OPTIONS, "maxBytes"]);
    return (await readFile(this.#connect, path, options)).bytes();
  }

  /** Like {@link VMFiles.read}, as UTF-8; what is not UTF-8 shows as U+FFFD. */
  async readText(path: string, options: ReadFileOptions = {}): Promise<string> {
    check("readText()", path, options, [...READ_STREAM_OPTIONS, "maxBytes"]);
    return (await readFile(this.#connect, path, options)).text();
  }

  /**
   * Reads a file as a stream, as fast as it is read. Opens the file at the first read; cancelling the stream closes it.
   *
   * @example
   * ```ts
   * import { createWriteStream } from "node:fs";
   * import { pipeline } from "node:stream/promises";
   * import { SmolVM } from "smolvm";
   *
   * await using vm = await SmolVM.launch();
   * await pipeline(vm.files.readStream("/var/log/dpkg.log"), createWriteStream("dpkg.log"));
   * ```
   */
  readStream(path: string, options: ReadStreamOptions = {}): ReadableStream<Uint8Array> {
    check("readStream()", path, options, READ_STREAM_OPTIONS);
    return readFileStream(this.#connect, path, options);
  }

  /**
   * Writes a file; resolves when it is in its place. By default a new file takes the place of the old one when it is complete, so
   * nobody sees half of it, and what fails or is aborted changes nothing.
   *
   * @param options - `mode` and `owner`: by default those of the file that is replaced, else 0o644 and root; `atomic`: true by
   * default; `append`, `exclusive`, `parents`: false by default; `offset` in bytes: none by default.
   */
  async write(path: string, data: FileData, options: WriteFileOptions = {}): Promise<void> {
    check("write()", path, options, WRITE_OPTIONS);
    await writeFile(this.#connect, path, data, options);
  }

  /**
   * Writes a file as a stream, with the options of {@link VMFiles.write}. `close()` resolves when the file is in its place; `abort()`
   * removes what there is of it.
   */
  writeStream(path: string, options: WriteFileOptions = {}): WritableStream<Uint8Array | string> {
    check("writeStream()", path, options, WRITE_OPTIONS);
    return writeFileStream(this.#connect, path, options);
  }

  /**
   * Lists a directory, sorted by name.
   *
   * @param options - `recursive`: false by default; `maxEntries`: 100,000 by default.
   * @throws {SmolVMError} `TRANSFER_LIMIT` for more than `maxEntries`.
   */
  async list(path: string, options: ListOptions = {}): Promise<DirectoryEntry[]> {
    check("list()", path, options, ["recursive", "maxEntries"]);
    return await listDirectory(this.#connect, path, options);
  }

  /**
   * What is known of a file.
   *
   * @param options - `followSymlinks`: true by default.
   */
  async stat(path: string, options: StatOptions = {}): Promise<FileStat> {
    check("stat()", path, options, ["followSymlinks"]);
    return await statFile(this.#connect, path, options);
  }

  /** Whether there is something at this path; a symbolic link that leads nowhere is not. */
  async exists(path: string, options: StatOptions = {}): Promise<boolean> {
    check("exists()", path, options, ["followSymlinks"]);
    try {
      await statFile(this.#connect, path, options);
      return true;
    } catch (error) {
      if (error instanceof GuestFileError && (error.errno === "ENOENT" || error.errno === "ENOTDIR")) return false;
      throw error;
    }
  }

  /**
   * Makes a directory.
   *
   * @param options - `recursive`: also those missing above it, and one that exists is no error; false by default. `mode`: 0o755 by
   * default; `owner`: root by default.
   */
  async mkdir(path: string, options: MakeDirectoryOptions = {}): Promise<void> {
    check("mkdir()", path, options, ["recursive", "mode", "owner"]);
    await makeDirectory(this.#connect, path, options);
  }

  /**
   * Removes a file, a symbolic link (not what it leads to) or a directory.
   *
   * @param options - `recursive`: with all that is in it; `force`: what does not exist is no error. Both false by default.
   */
  async remove(path: string, options: RemoveOptions = {}): Promise<void> {
    check("remove()", path, options, ["recursive", "force"]);
    await removeFile(this.#connect, path, options);
  }

  /**
   * Gives something another path on the same filesystem.
   *
   * @param options - `overwrite`: replace what is there; true by default, as in Node. Else `FILE_EXISTS`.
   */
  async rename(from: string, to: string, options: RenameOptions = {}): Promise<void> {
    check("rename()", from, options, ["overwrite"]);
    await renameFile(this.#connect, from, checkGuestPath(to, "the new path"), options);
  }

  /**
   * Sets permissions, such as `0o755`.
   *
   * @param options - `recursive`: false by default; `followSymlinks`: true by default.
   */
  async chmod(path: string, mode: number, options: ChangeOptions = {}): Promise<void> {
    check("chmod()", path, options, ["recursive", "followSymlinks"]);
    await changeFile(this.#connect, path, { mode }, options);
  }

  /**
   * Sets owner and group. A user's name brings that user's group.
   *
   * @param options - `recursive`: false by default; `followSymlinks`: true by default.
   */
  async chown(path: string, owner: GuestUser, options: ChangeOptions = {}): Promise<void> {
    check("chown()", path, options, ["recursive", "followSymlinks"]);
    await changeFile(this.#connect, path, { owner }, options);
  }

  /**
   * Sets the time of the last change of the content.
   *
   * @param options - `recursive`: false by default; `followSymlinks`: true by default.
   */
  async utimes(path: string, mtime: Date, options: ChangeOptions = {}): Promise<void> {
    check("utimes()", path, options, ["recursive", "followSymlinks"]);
    await changeFile(this.#connect, path, { mtime }, options);
  }

  /** Makes a symbolic link at `path` that says `target`, which need not exist. */
  async symlink(target: string, path: string, options: FileCallOptions = {}): Promise<void> {
    check("symlink()", path, options, []);
    await makeSymlink(this.#connect, target, path, options);
  }

  /**
   * Copies a file or a whole directory of this machine to exactly `guestPath`. Directories missing above it are made; a directory that
   * exists is merged with, a file is replaced. Permissions, times, symbolic links (as links) and holes are kept; sockets, pipes and
   * devices are left out and listed in the result. When it fails, a part of a directory may have been written.
   *
   * @param options - `owner`: root by default; `onProgress`.
   * @throws {ValidationError} `INVALID_PATH` where `hostPath` does not exist; {@link HostError} `IO_ERROR` where it cannot be read.
   *
   * @example
   * ```ts
   * import { SmolVM } from "smolvm";
   *
   * await using vm = await SmolVM.launch();
   * const { files, bytes } = await vm.files.upload("./src", "/srv/src", { owner: "nobody" });
   * console.log(files, bytes);
   * ```
   */
  async upload(hostPath: string, guestPath: string, options: UploadOptions = {}): Promise<TransferResult> {
    check("upload()", guestPath, options, UPLOAD_OPTIONS);
    return await upload(this.#connect, hostPath, guestPath, options);
  }

  /**
   * Copies a file or a whole directory of the guest to exactly `hostPath`. Directories missing above it are made; a directory that
   * exists is merged with, a file is replaced when the new one is complete. Permissions (no set-user-id), times and holes are kept.
   *
   * The guest is not trusted: nothing is written outside of `hostPath`, a symbolic link in the way is an error, and by default only
   * links are made that surely stay inside. What is left out is listed in the result.
   *
   * @param options - `symlinks`: `"inside"` by default; `maxBytes`: 16 GiB by default; `maxEntries`: 1,000,000 by default;
   * `onProgress`.
   * @throws {SmolVMError} `TRANSFER_LIMIT` for more than that; {@link HostError} `IO_ERROR` where this machine cannot write it.
   *
   * @example
   * ```ts
   * import { SmolVM } from "smolvm";
   *
   * await using vm = await SmolVM.launch();
   * await vm.run("mkdir -p /out && date > /out/report.txt");
   * const { skipped } = await vm.files.download("/out", "./out");
   * for (const { path, reason } of skipped) console.warn(path, reason);
   * ```
   */
  async download(guestPath: string, hostPath: string, options: DownloadOptions = {}): Promise<TransferResult> {
    check("download()", guestPath, options, DOWNLOAD_OPTIONS);
    return await download(this.#connect, guestPath, hostPath, options);
  }

  /**
   * Watches a file or directory. Once this resolves, no change is missed. It can also be iterated as it is, where that does not
   * matter: `for await (const change of vm.files.watch(path))`.
   *
   * @param options - `recursive`: false by default; `signal` ends the watch.
   *
   * @example
   * ```ts
   * import { SmolVM } from "smolvm";
   *
   * await using vm = await SmolVM.launch();
   * await using changes = await vm.files.watch("/root", { recursive: true });
   * await vm.run("touch /root/made");
   * for await (const { type, path } of changes) {
   *   console.log(type, path); // create /root/made
   *   break;
   * }
   * ```
   */
  watch(path: string, options: WatchOptions = {}): Watching {
    return iterable(this.#watch(path, options));
  }

  async #watch(path: string, options: WatchOptions): Promise<FileWatcher> {
    checkGuestPath(path);
    assertKnownOptions("watch()", options, ["recursive", "signal"]);
    return await watchPath(this.#connect, path, options);
  }
}

function check(call: string, path: string, options: FileCallOptions, known: readonly string[]): void {
  assertKnownOptions(call, options, [...known, ...CALL_OPTIONS]);
  assertTimeout("timeoutMs", options.timeoutMs);
  checkGuestPath(path);
}
