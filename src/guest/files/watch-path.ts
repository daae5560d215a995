import { SmolVMError } from "../../errors/smolvm-error.ts";
import type { GuestCall } from "../channel/guest-call.ts";
import type { FieldReader } from "../protocol/fields.ts";
import { FileFlag, Method, Tag, WatchEvent } from "../protocol/frame-types.ts";
import { protocolViolation } from "../protocol/protocol-violation.ts";
import { type ConnectForFiles, type FileCallOptions, fileRequest, openFileStream } from "./file-call.ts";
import { flagFields } from "./file-numbers.ts";
import { joinGuestPath } from "./guest-path.ts";
import { checkName } from "./list-directory.ts";
import { RecordReader } from "../protocol/record-reader.ts";

const TYPES: Readonly<Record<number, FileChange["type"]>> = {
  [WatchEvent.CREATED]: "create",
  [WatchEvent.MODIFIED]: "modify",
  [WatchEvent.REMOVED]: "remove",
  [WatchEvent.ATTRIBUTES]: "attributes",
  [WatchEvent.OVERFLOW]: "overflow",
};

/** One change of what is watched. */
export interface FileChange {
  /** A rename is the `remove` of one and the `create` of another path. After `overflow`, changes are missing: look again. */
  readonly type: "create" | "modify" | "remove" | "attributes" | "overflow";
  /** Absolute path in the guest. */
  readonly path: string;
}

/** Options of watching. */
export interface WatchOptions {
  /** Watch the directories below, too, those that are made later included. Default false. */
  readonly recursive?: boolean;
  /** Ends the watch; the iteration then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Starts a watch; resolves once the guest watches. */
export async function watchPath(connect: ConnectForFiles, path: string, options: WatchOptions): Promise<FileWatcher> {
  const fields = flagFields([[FileFlag.RECURSIVE, options.recursive]]);
  const request = fileRequest("watching", Method.FILE_WATCH, path, fields);
  const call = await openFileStream(connect, request, { signal: options.signal } satisfies FileCallOptions, {
    hasInput: false,
  });
  const records = readRecords(call);
  const first = await records.next();
  if (first.done !== true) return new FileWatcher(path, call, records);
  throw new SmolVMError("PROTOCOL_ERROR", `the guest ended ${request.what} without having begun`);
}

/** The changes of a path in the guest, in order. Leaving the iteration ends the watch, and so does closing it. */
export class FileWatcher implements AsyncIterable<FileChange>, AsyncDisposable {
  /** What is watched. */
  readonly path: string;
  readonly #call: GuestCall;
  readonly #records: AsyncGenerator<FieldReader, void, undefined>;
  #isClosed = false;

  /** @internal */
  constructor(path: string, call: GuestCall, records: AsyncGenerator<FieldReader, void, undefined>) {
    this.path = path;
    this.#call = call;
    this.#records = records;
  }

  /** Ends when the watch is closed, or what is watched is gone. */
  async *[Symbol.asyncIterator](): AsyncGenerator<FileChange, void, undefined> {
    try {
      for await (const record of this.#records) yield this.#change(record);
    } catch (error) {
      if (!this.#isClosed) throw error;
    } finally {
      await this.close();
    }
  }

  /** Ends the watch. May be called again. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#call.cancel();
    await this.#call.wait().catch(() => {
      // It was cancelled, or its error was thrown where the changes are read.
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #change(record: FieldReader): FileChange {
    const type = TYPES[record.u32(Tag.EVENT) ?? 0];
    if (type === undefined) throw protocolViolation("the guest sent a change of no known kind");
    const name = record.text(Tag.NAME);
    return { type, path: name === undefined ? this.path : joinGuestPath(this.path, checkName(name, true)) };
  }
}

async function* readRecords(call: GuestCall): AsyncGenerator<FieldReader, void, undefined> {
  const reader = new RecordReader();
  try {
    for await (const chunk of call.output) yield* reader.push(chunk);
    reader.finish();
    await call.wait();
  } catch (error) {
    call.cancel(error);
    throw error;
  }
}
