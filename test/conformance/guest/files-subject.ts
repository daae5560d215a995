import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test, type TestContext } from "node:test";
import { GuestFileError } from "../../../src/guest/files/file-error.ts";
import type { GuestChannel } from "../../../src/guest/index.ts";
import { VMFiles } from "../../../src/vm/files/files.ts";

/** One kind of guest that the suites run on. */
export interface FilesSubject {
  /** Opens a channel of its own; the suite closes it. */
  readonly connect: () => Promise<GuestChannel>;
  /** A directory of the guest, on a filesystem that keeps holes, for the suites to work in. */
  readonly directory: () => string;
  /** Bytes of large files. Default 20 MB. */
  readonly bulkBytes?: number;
}

/** The files of a subject, as the tests of one suite use them. */
export class FilesUnderTest {
  readonly #subject: FilesSubject;
  readonly #suite: string;
  #channel: GuestChannel | undefined;
  #folders = 0;

  /** To be made inside of a `describe`: opens a channel before its tests, and closes it after them. */
  constructor(subject: FilesSubject, suite: string) {
    this.#subject = subject;
    this.#suite = suite;
    before(async () => {
      this.#channel = await subject.connect();
    });
    after(() => this.#channel?.close());
  }

  readonly files: VMFiles = new VMFiles(async () => this.#channel ?? assert.fail("made before the suite's tests"));

  /** Makes an empty directory in the guest. */
  async fresh(): Promise<string> {
    this.#folders += 1;
    const path = `${this.#subject.directory()}/${this.#suite}-${this.#folders}`;
    await this.files.mkdir(path);
    return path;
  }

  /** The names in a directory; none in one that does not exist. */
  async names(path: string): Promise<string[]> {
    return (await this.files.exists(path)) ? (await this.files.list(path)).map(({ name }) => name) : [];
  }
}

export function fact(title: string, check: (t: TestContext) => Promise<void>): void {
  void test(title, { timeout: 120_000 }, check);
}

export function failsWith(code: string): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof GuestFileError, String(error));
    assert.equal(error.code, code);
    return true;
  };
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Bytes that repeat nowhere near. */
export function mixedBytes(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes + 4);
  for (let at = 0; at < sizeBytes; at += 4) bytes.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
  return bytes.subarray(0, sizeBytes);
}
