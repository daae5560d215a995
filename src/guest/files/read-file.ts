import { SmolVMError } from "../../errors/smolvm-error.ts";
import { ByteCollector } from "../command/byte-collector.ts";
import type { GuestCall } from "../channel/guest-call.ts";
import { Method, Tag } from "../protocol/frame-types.ts";
import { checkCount } from "./file-numbers.ts";
import {
  type ConnectForFiles,
  type FileCallOptions,
  type FileRequest,
  fileRequest,
  openFileStream,
} from "./file-call.ts";

const DEFAULT_MAX_BYTES = 268_435_456;

/** Which part of a file is read. */
export interface FileRange {
  /** Where to begin, in bytes. Default 0. */
  readonly offset?: number;
  /** How many bytes at most. Default: to the end. */
  readonly length?: number;
}

/** Options of reading a file as a stream. */
export interface ReadStreamOptions extends FileRange, FileCallOptions {}

/** Options of reading a file at once. */
export interface ReadFileOptions extends ReadStreamOptions {
  /** How many bytes the call may bring at most. Default 256 MiB. */
  readonly maxBytes?: number;
}

/** Checks what is to be read. */
export function readRequest(path: string, { offset, length }: FileRange): FileRequest {
  const range = [
    { tag: Tag.OFFSET, value: checkCount("offset", offset) },
    { tag: Tag.LENGTH, value: checkCount("length", length) },
  ];
  const fields = range.flatMap(({ tag, value }) => (value === undefined ? [] : [{ tag, value: BigInt(value) }]));
  return fileRequest("reading", Method.FILE_READ, path, fields);
}

/** Reads a file, or a part of it, into memory. */
export async function readFile(
  connect: ConnectForFiles,
  path: string,
  options: ReadFileOptions,
): Promise<ByteCollector> {
  const maxBytes = checkCount("maxBytes", options.maxBytes ?? DEFAULT_MAX_BYTES);
  const request = readRequest(path, options);
  const collected = new ByteCollector();
  const call = await openFileStream(connect, request, options, {
    hasInput: false,
    onOutput: (bytes) => {
      if (collected.sizeBytes + bytes.length > maxBytes) throw tooLarge(request.what, maxBytes, undefined);
      collected.push(bytes);
    },
  });
  await refuseTooLarge(call, request.what, options, maxBytes);
  await call.wait();
  return collected;
}

/** Gives up at once what will be too large. Files without a known size, as those of `/proc`, are counted as they come. */
async function refuseTooLarge(call: GuestCall, what: string, range: FileRange, maxBytes: number): Promise<void> {
  const started = await call.started;
  const leftBytes = Number(started.u64(Tag.SIZE) ?? 0n) - (range.offset ?? 0);
  const wantedBytes = Math.min(leftBytes, range.length ?? Infinity);
  if (wantedBytes > maxBytes) call.cancel(tooLarge(what, maxBytes, wantedBytes));
}

function tooLarge(what: string, maxBytes: number, wantedBytes: number | undefined): SmolVMError {
  const came = wantedBytes === undefined ? "more" : `${wantedBytes} bytes`;
  return new SmolVMError("TRANSFER_LIMIT", `${what} brings ${came}, and maxBytes is ${maxBytes}`, {
    hint: "Raise maxBytes, read a part with offset and length, or use readStream().",
    details: { maxBytes, ...(wantedBytes === undefined ? {} : { sizeBytes: wantedBytes }) },
  });
}

/** Reads a file as a stream: no more of it is in flight than the reader has asked for, and one window. */
export function readFileStream(
  connect: ConnectForFiles,
  path: string,
  options: ReadStreamOptions,
): ReadableStream<Uint8Array> {
  const request = readRequest(path, options);
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  let call: GuestCall | undefined;
  let chunks: AsyncIterator<Uint8Array> | undefined;
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        call ??= await openFileStream(connect, request, { ...options, signal }, { hasInput: false });
        chunks ??= call.output[Symbol.asyncIterator]();
        const { done, value } = await chunks.next();
        if (stop.signal.aborted) return;
        if (done !== true) return controller.enqueue(value);
        // A stream that ends is a whole file only when the guest says so.
        await call.wait();
        controller.close();
      },
      cancel: async (reason) => {
        stop.abort(reason);
        await call?.wait().catch(() => {
          // It was cancelled, as it should be.
        });
      },
    },
    { highWaterMark: 0 },
  );
}
