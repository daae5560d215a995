import { SmolVMError } from "../../errors/smolvm-error.ts";
import type { GuestCall } from "../channel/guest-call.ts";
import { Tag } from "../protocol/frame-types.ts";
import { CallInput } from "./call-input.ts";
import { type ConnectForFiles, type FileRequest, openFileStream } from "./file-call.ts";
import { bytesOfPiece, type FileData, openFileData } from "./file-data.ts";
import { Interruptible } from "./interruptible.ts";
import { type WriteFileOptions, writeRequest } from "./write-request.ts";

/** One file that is being written. */
class FileWriting {
  readonly #request: FileRequest;
  readonly #call: GuestCall;
  readonly #input: CallInput;
  #isFinishing = false;

  private constructor(request: FileRequest, call: GuestCall) {
    this.#request = request;
    this.#call = call;
    this.#input = new CallInput(call, request.what);
  }

  static async open(connect: ConnectForFiles, request: FileRequest, options: WriteFileOptions): Promise<FileWriting> {
    return new FileWriting(request, await openFileStream(connect, request, options, { hasInput: true }));
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength > 0) await this.#input.write(bytes);
  }

  /** Resolves when the file is in its place. */
  async finish(): Promise<void> {
    this.#isFinishing = true;
    const { fields } = await this.#input.end();
    const size = fields.u64(Tag.SIZE);
    if (size === BigInt(this.#input.sentBytes)) return;
    throw new SmolVMError(
      "PROTOCOL_ERROR",
      `${this.#request.what}: the guest says that it wrote ${size} bytes, and was sent ${this.#input.sentBytes}`,
    );
  }

  /** Has the guest remove what it has; resolves when it did. */
  async giveUp(reason: unknown): Promise<void> {
    this.#call.cancel(reason);
    await this.#call.wait().catch(() => {
      // It was cancelled, as it should be.
    });
  }

  /** Calls `report` when the writing ends before `finish`, so that a source with nothing to say does not keep its error back. */
  onEarlyEnd(report: (error: unknown) => void): void {
    const early = (): void => {
      if (this.#isFinishing) return;
      const message = `the guest ended ${this.#request.what} before it had everything`;
      report(new SmolVMError("PROTOCOL_ERROR", message));
    };
    this.#call.wait().then(early, report);
  }
}

/** Writes a file; resolves when it is in its place. */
export async function writeFile(
  connect: ConnectForFiles,
  path: string,
  data: FileData,
  options: WriteFileOptions,
): Promise<void> {
  const source = openFileData(data);
  const writing = await FileWriting.open(connect, writeRequest(path, options), options);
  if (source instanceof Uint8Array) {
    // Not awaited: the bytes, the end and the request leave together.
    const written = writing.write(source);
    await Promise.all([written, writing.finish()]);
    return;
  }
  const pieces = new Interruptible(source);
  writing.onEarlyEnd((error) => pieces.interrupt(error));
  try {
    for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
      await writing.write(bytesOfPiece(next.value));
    }
  } catch (error) {
    pieces.leave();
    await writing.giveUp(error);
    throw error;
  }
  await writing.finish();
}

/** Writes a file as a stream. Its `close()` resolves when the file is in its place; `abort()` leaves none. */
export function writeFileStream(
  connect: ConnectForFiles,
  path: string,
  options: WriteFileOptions,
): WritableStream<Uint8Array | string> {
  const request = writeRequest(path, options);
  let writing: FileWriting | undefined;
  return new WritableStream<Uint8Array | string>({
    start: async (controller) => {
      writing = await FileWriting.open(connect, request, options);
      writing.onEarlyEnd((error) => controller.error(error));
    },
    write: async (piece) => {
      await writing?.write(bytesOfPiece(piece));
    },
    close: async () => {
      await writing?.finish();
    },
    abort: async (reason) => {
      await writing?.giveUp(reason);
    },
  });
}
