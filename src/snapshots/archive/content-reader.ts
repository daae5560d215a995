import { createHash, type Hash } from "node:crypto";
import { SmolVMError } from "../../errors/smolvm-error.ts";
import { archiveCorrupt } from "./archive-corrupt.ts";
import {
  type ArchiveRun,
  DIGEST_BYTES,
  isEntryName,
  type JsonValue,
  MAX_ENTRIES,
  MAX_MANIFEST_BYTES,
  RecordType,
  RUN_FIELDS_BYTES,
} from "./archive-format.ts";
import type { ByteSource } from "./byte-source.ts";

/** What an archive says of an entry before its bytes. */
export interface EntryHeader {
  readonly name: string;
  readonly sizeBytes: number;
  /** Permissions that the file had. */
  readonly mode: number;
}

/** Reads the content of an archive, in order, and believes none of it. After an error it must not be used. */
export class ContentReader {
  readonly #source: ByteSource;
  readonly #maxBytes: number;
  readonly #names = new Set<string>();
  #declaredBytes = 0;
  #entry: EntryHeader | undefined;
  #digest: Hash = createHash("sha256");
  /** Up to where the entry's runs were read. */
  #position = 0;
  #runEndsAt = 0;
  #isAtEnd = false;

  /** @param maxBytes - limit of the sizes of all entries together. */
  constructor(source: ByteSource, maxBytes: number) {
    this.#source = source;
    this.#maxBytes = Math.min(maxBytes, Number.MAX_SAFE_INTEGER);
  }

  /** Comes first. */
  async manifest(): Promise<JsonValue> {
    this.#digest = createHash("sha256");
    const length = (await this.#take(4)).readUInt32BE();
    if (length > MAX_MANIFEST_BYTES) throw archiveCorrupt(`its manifest is said to have ${length} bytes`);
    const json = await this.#take(length);
    await this.#checkDigest("its manifest");
    try {
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json)) as JsonValue;
    } catch (cause) {
      throw archiveCorrupt("its manifest is no JSON", cause);
    }
  }

  /** The next entry; what was not read of the one before is skipped. undefined at the end of all. */
  async nextEntry(): Promise<EntryHeader | undefined> {
    while ((await this.nextRun()) !== undefined); // checks the entry's digest, too
    if (this.#isAtEnd) return undefined;
    this.#digest = createHash("sha256");
    const type = (await this.#take(1)).readUInt8();
    if (type === RecordType.ARCHIVE_END) {
      this.#isAtEnd = true;
      return undefined;
    }
    if (type !== RecordType.ENTRY) throw archiveCorrupt(`an entry starts with ${type}`);
    this.#entry = await this.#readHeader();
    this.#position = 0;
    this.#runEndsAt = 0;
    return this.#entry;
  }

  /** The next bytes of the entry, one run or a part of it. undefined at the end of the entry. */
  async nextRun(): Promise<ArchiveRun | undefined> {
    const entry = this.#entry;
    if (entry === undefined) return undefined;
    if (this.#position === this.#runEndsAt && !(await this.#startRun(entry))) return undefined;
    const bytes = await this.#source.takeSome(this.#runEndsAt - this.#position);
    if (bytes.length === 0) throw archiveCorrupt("it ends too early");
    this.#digest.update(bytes);
    const offset = this.#position;
    this.#position += bytes.length;
    return { offset, bytes };
  }

  async #readHeader(): Promise<EntryHeader> {
    const name = (await this.#take((await this.#take(1)).readUInt8())).toString("latin1");
    if (!isEntryName(name)) throw archiveCorrupt("an entry has a name that none can have");
    if (this.#names.has(name)) throw archiveCorrupt(`two entries are called "${name}"`);
    this.#names.add(name);
    if (this.#names.size > MAX_ENTRIES) throw archiveCorrupt(`it has more than ${MAX_ENTRIES} entries`);
    const mode = (await this.#take(2)).readUInt16BE();
    if (mode > 0o777) throw archiveCorrupt(`"${name}" has more than permissions in its mode`);
    const sizeBytes = Number((await this.#take(8)).readBigUInt64BE());
    this.#declaredBytes += sizeBytes;
    if (this.#declaredBytes > this.#maxBytes) {
      throw new SmolVMError(
        "SNAPSHOT_CORRUPT",
        `the archive is said to hold ${this.#declaredBytes} bytes or more, and ${this.#maxBytes} is the most that is read`,
        { hint: "Copy the archive again from where it was made; if it is that large, raise maxBytes." },
      );
    }
    return { name, sizeBytes, mode };
  }

  /** Returns false at the end of the entry. */
  async #startRun({ name, sizeBytes }: EntryHeader): Promise<boolean> {
    const type = (await this.#take(1)).readUInt8();
    if (type === RecordType.ENTRY_END) {
      await this.#checkDigest(`"${name}"`);
      this.#entry = undefined;
      return false;
    }
    if (type !== RecordType.RUN) throw archiveCorrupt(`a run of "${name}" starts with ${type}`);
    const fields = await this.#take(RUN_FIELDS_BYTES);
    // Above 2^53 a number is not exact, but larger than any size.
    const offset = Number(fields.readBigUInt64BE(0));
    const endsAt = offset + fields.readUInt32BE(8);
    if (offset < this.#position || endsAt <= offset || endsAt > sizeBytes) {
      throw archiveCorrupt(
        `a run of "${name}" goes from ${offset} to ${endsAt}, behind ${this.#position} of ${sizeBytes}`,
      );
    }
    this.#position = offset;
    this.#runEndsAt = endsAt;
    return true;
  }

  async #take(sizeBytes: number): Promise<Buffer> {
    const bytes = await this.#source.take(sizeBytes);
    this.#digest.update(bytes);
    return bytes;
  }

  async #checkDigest(what: string): Promise<void> {
    const computed = this.#digest.digest();
    if (!computed.equals(await this.#source.take(DIGEST_BYTES))) {
      throw archiveCorrupt(`${what} has another digest than was noted`);
    }
  }
}
