import type { GuestChannel } from "../channel/channel.ts";
import type { CallOptions, GuestCall } from "../channel/guest-call.ts";
import { encodeRequest } from "../channel/request-frame.ts";
import type { RequestResult } from "../channel/request-result.ts";
import type { Field } from "../protocol/fields.ts";
import { DEFAULT_WINDOW_BYTES, type Method, Tag } from "../protocol/frame-types.ts";
import { fileError } from "./file-error.ts";

/** Connects when arguments have been checked, so that a wrong one is refused also where the VM does not run. */
export type ConnectForFiles = (options?: {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}) => Promise<GuestChannel>;

/** What every file operation can be given. */
export interface FileCallOptions {
  /** Gives the operation up; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Gives the operation up with `OperationTimeoutError`; no deadline where it is left out. */
  readonly timeoutMs?: number | undefined;
}

/** How the options of {@link FileCallOptions} are named. */
export const CALL_OPTIONS: readonly string[] = ["signal", "timeoutMs"];

/** A request about a file, checked and encoded. */
export interface FileRequest {
  /** How error messages name the operation: `reading "/etc/hosts"`. */
  readonly what: string;
  readonly path: string;
  readonly frame: Buffer;
}

/** Encodes a request. @throws {ValidationError} when the path is too long for one. */
export function fileRequest(verb: string, method: Method, path: string, fields: readonly Field[]): FileRequest {
  const what = `${verb} ${JSON.stringify(path)}`;
  const all = [{ tag: Tag.METHOD, value: method }, { tag: Tag.PATH, value: path }, ...fields];
  return { what, path, frame: encodeRequest(what, all, "Linux takes paths of up to 4,095 bytes.") };
}

/** Asks what is answered without streams. What may take long is of the class `stream`, so that it delays no other. */
export async function askAboutFile(
  connect: ConnectForFiles,
  request: FileRequest,
  options: FileCallOptions,
  requestClass: "control" | "stream" = "control",
): Promise<RequestResult> {
  const call = await openFileCall(connect, request, options, { requestClass });
  return await call.wait();
}

/** The class and the streams of a call. */
type Shape = Pick<CallOptions, "requestClass" | "windowBytes" | "hasInput" | "onOutput">;

/** Starts a call that has streams. */
export async function openFileStream(
  connect: ConnectForFiles,
  request: FileRequest,
  options: FileCallOptions,
  streams: { readonly hasInput: boolean; readonly onOutput?: (bytes: Uint8Array) => void },
): Promise<GuestCall> {
  const shape = { requestClass: "stream", windowBytes: DEFAULT_WINDOW_BYTES, ...streams } as const;
  return await openFileCall(connect, request, options, shape);
}

async function openFileCall(
  connect: ConnectForFiles,
  request: FileRequest,
  options: FileCallOptions,
  shape: Shape,
): Promise<GuestCall> {
  const { what, path, frame } = request;
  const { signal, timeoutMs } = options;
  const startMs = performance.now();
  const channel = await connect({ signal, timeoutMs });
  const leftMs = timeoutMs === undefined ? undefined : Math.max(0, timeoutMs - (performance.now() - startMs));
  return channel.call(frame, {
    what,
    signal,
    timeoutMs: leftMs,
    toError: (result) => fileError(what, path, result),
    ...shape,
  });
}
