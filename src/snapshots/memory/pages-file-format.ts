import { createHash } from "node:crypto";
import { SmolVMError } from "../../errors/smolvm-error.ts";
import { PAGE_BYTES } from "./page.ts";
import { countPages, endOf, type PageKind, type PageRun } from "./page-run.ts";

// A pages file holds changed pages of a memory. All numbers are little-endian.
//
//   0  8  "SMOLPAGE"
//   8  4  version of the format: 1
//  12  4  bytes of a page: 4096
//  16  8  bytes of the memory
//  24  4  pages whose data the file holds
//  28  4  runs
//  32 32  SHA-256 of the 32 bytes before and of the index
//  64  …  the index: 12 bytes a run: first page, number of pages, kind (0 data, 1 zero, 2 base)
//   …  …  zeros up to a multiple of 4096
//   …  …  the data, page after page, in the order of the index

const MAGIC = "SMOLPAGE";
const FORMAT_VERSION = 1;
const DIGEST_AT = 32;
const RUN_BYTES = 12;
const KINDS: readonly PageKind[] = ["data", "zero", "base"];

/** The beginning of a pages file, before its index. */
export const HEADER_BYTES = 64;
/** A limit for what a file that we did not write can make us allocate. 32 GiB of memory in single pages have as many. */
const MAX_RUNS = 2 ** 22;
/** 4 TiB: page numbers then fit into 32 bits with room to spare. */
const MAX_MEMORY_BYTES = 2 ** 42;

/** What the header of a pages file says. */
export interface PagesHeader {
  readonly sizeBytes: number;
  readonly dataPages: number;
  readonly runCount: number;
  readonly indexBytes: number;
  /** Where the data begins. */
  readonly dataOffset: number;
  /** How long the file must be. */
  readonly fileBytes: number;
}

/** The error for a file that is not what it must be. */
export function corruptFile(path: string, problem: string): SmolVMError {
  return new SmolVMError("SNAPSHOT_CORRUPT", `${path} is damaged: ${problem}`, { details: { path } });
}

/** Everything that stands before the data. */
export function encodeIndex(sizeBytes: number, runs: readonly PageRun<unknown>[]): Buffer {
  if (runs.length > MAX_RUNS || sizeBytes > MAX_MEMORY_BYTES) {
    throw new SmolVMError(
      "UNSUPPORTED",
      `a memory of ${sizeBytes} bytes that changed in ${runs.length} places is more than a snapshot can hold`,
    );
  }
  const bytes = Buffer.alloc(dataOffsetOf(runs.length));
  bytes.write(MAGIC, "latin1");
  bytes.writeUInt32LE(FORMAT_VERSION, 8);
  bytes.writeUInt32LE(PAGE_BYTES, 12);
  bytes.writeBigUInt64LE(BigInt(sizeBytes), 16);
  bytes.writeUInt32LE(countPages(runs.filter(({ kind }) => kind === "data")), 24);
  bytes.writeUInt32LE(runs.length, 28);
  let at = HEADER_BYTES;
  for (const { page, count, kind } of runs) {
    bytes.writeUInt32LE(page, at);
    bytes.writeUInt32LE(count, at + 4);
    bytes.writeUInt32LE(KINDS.indexOf(kind), at + 8);
    at += RUN_BYTES;
  }
  digestOf(bytes, bytes.subarray(HEADER_BYTES, at)).copy(bytes, DIGEST_AT);
  return bytes;
}

/**
 * Reads a header.
 *
 * @throws {SmolVMError} `SNAPSHOT_CORRUPT`, or `SNAPSHOT_INCOMPATIBLE` for another version of the format.
 */
export function decodeHeader(path: string, header: Buffer): PagesHeader {
  if (header.toString("latin1", 0, MAGIC.length) !== MAGIC) throw corruptFile(path, "it is no pages file");
  const version = header.readUInt32LE(8);
  if (version !== FORMAT_VERSION) {
    throw new SmolVMError(
      "SNAPSHOT_INCOMPATIBLE",
      `${path} has version ${version} of its format; this release reads version ${FORMAT_VERSION}`,
      { details: { path, version } },
    );
  }
  const sizeBytes = Number(header.readBigUInt64LE(16));
  const dataPages = header.readUInt32LE(24);
  const runCount = header.readUInt32LE(28);
  if (header.readUInt32LE(12) !== PAGE_BYTES) throw corruptFile(path, "its pages have another size");
  if (sizeBytes === 0 || sizeBytes > MAX_MEMORY_BYTES || sizeBytes % PAGE_BYTES !== 0) {
    throw corruptFile(path, `it is of a memory of ${sizeBytes} bytes`);
  }
  const pages = sizeBytes / PAGE_BYTES;
  if (runCount > Math.min(MAX_RUNS, pages)) throw corruptFile(path, `it has ${runCount} runs of ${pages} pages`);
  const dataOffset = dataOffsetOf(runCount);
  const fileBytes = dataOffset + dataPages * PAGE_BYTES;
  return { sizeBytes, dataPages, runCount, indexBytes: runCount * RUN_BYTES, dataOffset, fileBytes };
}

/**
 * Reads an index; `index` ends where the data begins.
 *
 * @throws {SmolVMError} `SNAPSHOT_CORRUPT`.
 */
export function decodeIndex<Source>(path: string, header: Buffer, index: Buffer, source: Source): PageRun<Source>[] {
  const { sizeBytes, dataPages, dataOffset, indexBytes } = decodeHeader(path, header);
  if (!digestOf(header, index.subarray(0, indexBytes)).equals(header.subarray(DIGEST_AT, HEADER_BYTES))) {
    throw corruptFile(path, "its index is not what was written");
  }
  if (index.subarray(indexBytes).some((byte) => byte !== 0))
    throw corruptFile(path, "its index is followed by something");
  const runs: PageRun<Source>[] = [];
  let nextPage = 0;
  let offset = dataOffset;
  for (let at = 0; at < indexBytes; at += RUN_BYTES) {
    const kind = KINDS[index.readUInt32LE(at + 8)];
    const run = { page: index.readUInt32LE(at), count: index.readUInt32LE(at + 4), offset, source };
    if (kind === undefined) throw corruptFile(path, `run ${runs.length} is of no known kind`);
    if (run.count === 0 || run.page < nextPage || endOf(run) * PAGE_BYTES > sizeBytes) {
      throw corruptFile(path, `run ${runs.length} of ${run.count} pages cannot begin with page ${run.page}`);
    }
    runs.push({ ...run, kind });
    nextPage = endOf(run);
    if (kind === "data") offset += run.count * PAGE_BYTES;
  }
  if (offset !== dataOffset + dataPages * PAGE_BYTES)
    throw corruptFile(path, `its runs do not have ${dataPages} pages`);
  return runs;
}

function dataOffsetOf(runCount: number): number {
  return Math.ceil((HEADER_BYTES + runCount * RUN_BYTES) / PAGE_BYTES) * PAGE_BYTES;
}

function digestOf(header: Buffer, index: Buffer): Buffer {
  return createHash("sha256").update(header.subarray(0, DIGEST_AT)).update(index).digest();
}
