import { describe } from "../../config/vm-id.ts";
import { SmolVMError, ValidationError } from "../../errors/smolvm-error.ts";
import type { GuestChannel, RequestOptions } from "../channel/channel.ts";
import { encodeRequest } from "../channel/request-frame.ts";
import { type RequestResult, resultError } from "../channel/request-result.ts";
import type { GuestExec } from "../command/guest-exec.ts";
import { linuxSignalNumber } from "../command/linux-signals.ts";
import { RecordReader } from "../protocol/record-reader.ts";
import type { Field } from "../protocol/fields.ts";
import { DEFAULT_WINDOW_BYTES, Method, Status, Tag } from "../protocol/frame-types.ts";
import { parseProcessInfo, type ProcessInfo } from "./process-info.ts";
import { processNumber } from "./process-name.ts";

/** The detached processes of the guest, oldest first: those that run, and those that ended and are remembered. */
export async function listProcesses(channel: GuestChannel, options: RequestOptions = {}): Promise<ProcessInfo[]> {
  const what = "listing the detached processes";
  const call = channel.call(encode(what, Method.PROCESS_LIST, []), {
    what,
    requestClass: "control",
    windowBytes: DEFAULT_WINDOW_BYTES,
    ...options,
  });
  const reader = new RecordReader();
  const processes: ProcessInfo[] = [];
  for await (const chunk of call.output) {
    for (const record of reader.push(chunk)) processes.push(parseProcessInfo(record));
  }
  await call.wait();
  reader.finish();
  return processes.toSorted((one, other) => Number(one.id) - Number(other.id));
}

/** @throws {SmolVMError} `PROCESS_NOT_FOUND`. */
export async function findProcess(
  channel: GuestChannel,
  idOrName: string,
  options: RequestOptions = {},
): Promise<ProcessInfo> {
  const isId = processNumber(idOrName) !== undefined;
  const all = await listProcesses(channel, options);
  const found = all.filter(({ id, name }) => (isId ? id : name) === idOrName);
  // Of several with one name at most one runs; of those that ended, the last one is meant.
  const process = found.find(({ status }) => status === "running") ?? found.at(-1);
  if (process === undefined) throw notFound(idOrName);
  return process;
}

/** What is attached to a process: its outputs as the guest sends them, and a count of what nobody keeps. */
interface Attachment {
  readonly exec: GuestExec;
  readonly dropped: { bytes: number };
}

/** Asks for the outputs of a detached process: what the guest has kept of them first, then what it goes on to write. */
export async function attachToOutput(
  channel: GuestChannel,
  idOrName: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Attachment> {
  const number = await resolveNumber(channel, idOrName, options);
  const what = `the process ${JSON.stringify(idOrName)}`;
  const dropped = { bytes: 0 };
  const exec = channel.attach(idOrName, encode(what, Method.PROCESS_ATTACH, [{ tag: Tag.PROCESS, value: number }]), {
    signal: options.signal,
    onSkipped: (_stream, bytes) => (dropped.bytes += bytes),
    toError: (result) => processError(what, idOrName, result),
  });
  return { exec, dropped };
}

/** Sends a signal to the process group of a detached process; does nothing when it has ended. */
export async function signalProcess(
  channel: GuestChannel,
  idOrName: string,
  signal: NodeJS.Signals | number,
  options: RequestOptions = {},
): Promise<void> {
  const signalNumber = linuxSignalNumber(signal);
  if (signalNumber === undefined) {
    throw new ValidationError("INVALID_OPTION", `Linux has no signal ${describe(signal)}`);
  }
  const number = await resolveNumber(channel, idOrName, options);
  const what = `a signal to the process ${JSON.stringify(idOrName)}`;
  const frame = encode(what, Method.PROCESS_SIGNAL, [
    { tag: Tag.PROCESS, value: number },
    { tag: Tag.SIGNAL, value: signalNumber },
  ]);
  await channel.request(what, frame, { ...options, toError: (result) => processError(what, idOrName, result) });
}

/** The guest knows numbers; a name costs a look at the list. */
async function resolveNumber(channel: GuestChannel, idOrName: string, options: RequestOptions): Promise<number> {
  return processNumber(idOrName) ?? Number((await findProcess(channel, idOrName, options)).id);
}

function encode(what: string, method: Method, fields: readonly Field[]): Buffer {
  return encodeRequest(what, [{ tag: Tag.METHOD, value: method }, ...fields], "");
}

function processError(what: string, idOrName: string, result: RequestResult): SmolVMError {
  return result.status === Status.NO_PROCESS ? notFound(idOrName) : resultError(what, result, { process: idOrName });
}

function notFound(idOrName: string): SmolVMError {
  return new SmolVMError("PROCESS_NOT_FOUND", `the VM has no detached process ${JSON.stringify(idOrName)}`, {
    details: { process: idOrName },
  });
}
