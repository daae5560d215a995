import { describe } from "../../config/vm-id.ts";
import { ValidationError } from "../../errors/smolvm-error.ts";

/** What a file can be written from. Text becomes UTF-8. */
export type FileData =
  | string
  | Uint8Array
  | Blob
  | ReadableStream<Uint8Array | string>
  | AsyncIterable<Uint8Array | string>;

/** The data in memory, or one piece after the other. @throws {ValidationError} `INVALID_OPTION`. */
export function openFileData(data: FileData): Uint8Array | AsyncIterable<Uint8Array | string> {
  if (typeof data === "string") return Buffer.from(data);
  if (data instanceof Uint8Array) return data;
  if (data instanceof Blob) return data.stream();
  if (typeof data === "object" && data !== null && Symbol.asyncIterator in data) return data;
  throw new ValidationError(
    "INVALID_OPTION",
    `data must be a string, bytes, a Blob, a stream or an async iterable, got ${describe(data)}`,
  );
}

/** One piece of data as bytes. @throws {ValidationError} `INVALID_OPTION`. */
export function bytesOfPiece(piece: unknown): Uint8Array {
  if (typeof piece === "string") return Buffer.from(piece);
  if (piece instanceof Uint8Array) return piece;
  throw new ValidationError("INVALID_OPTION", `data must bring strings or bytes, and brought ${describe(piece)}`);
}
