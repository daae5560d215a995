import { randomBytes } from "node:crypto";
import { type FileHandle, link, lstat, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileExists, hostFileError } from "./host-file-error.ts";

/** Writes a file beside its place, for its owner alone, and puts it there when it is whole. Nothing is overwritten. */
export class NewFile implements AsyncDisposable {
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: FileHandle;

  private constructor(path: string, temporary: string, file: FileHandle) {
    this.#path = path;
    this.#temporary = temporary;
    this.#file = file;
  }

  /** @throws {SmolVMError} `FILE_EXISTS`, before anything is written. */
  static async create(path: string): Promise<NewFile> {
    await assertAbsent(path);
    const temporary = join(dirname(path), `.smolvm-${randomBytes(8).toString("hex")}`);
    try {
      return new NewFile(path, temporary, await open(temporary, "wx", 0o600));
    } catch (error) {
      throw hostFileError("writing", path, error);
    }
  }

  /** Appends all bytes. */
  async write(bytes: Uint8Array): Promise<void> {
    try {
      await this.#file.writeFile(bytes);
    } catch (error) {
      throw hostFileError("writing", this.#path, error);
    }
  }

  /** Gives the file its name. What has come to be there in the meantime stays. */
  async publish(): Promise<void> {
    try {
      // Whoever deletes the original after this must find the copy whole, even after a loss of power.
      await this.#file.sync();
      await this.#file.close();
      await link(this.#temporary, this.#path).catch((error: NodeJS.ErrnoException) => this.#renameInstead(error));
    } catch (error) {
      throw hostFileError("writing", this.#path, error);
    }
  }

  /** Removes what is not in its place. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close().catch(() => {
      // What is removed next need not have been written.
    });
    await rm(this.#temporary, { force: true });
  }

  /** Not all filesystems have links; rename(2) would replace what is there. */
  async #renameInstead(error: NodeJS.ErrnoException): Promise<void> {
    if (!["EPERM", "ENOTSUP", "ENOSYS", "EMLINK"].includes(error.code ?? "")) throw error;
    await assertAbsent(this.#path);
    await rename(this.#temporary, this.#path);
  }
}

async function assertAbsent(path: string): Promise<void> {
  try {
    await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return; // as it should be
    throw hostFileError("writing", path, error);
  }
  throw fileExists(path);
}
