import { SmolVMError } from "../../errors/smolvm-error.ts";
import type { FieldReader } from "../protocol/fields.ts";
import { Tag } from "../protocol/frame-types.ts";
import { isLinuxSignal, linuxSignalName } from "./linux-signals.ts";

/** How a command ended. */
export interface ExecResult {
  /** Null for a command that a signal ended. */
  readonly exitCode: number | null;
  /** The signal that ended it; null for an exit, and for real-time signals, which have no names. */
  readonly signal: NodeJS.Signals | null;
  /** Linux number of the signal that ended it, or null. */
  readonly signalNumber: number | null;
  /** From the start of the process to its exit, by the guest's clock. */
  readonly durationMs: number;
  /** Whether the guest's kernel killed it for want of memory. */
  readonly isOomKilled: boolean;
}

/** Reads the fields of an exit; `command` is for the error of a guest that does not say how the command ended. */
export function parseExit(command: string, fields: FieldReader): ExecResult {
  const durationMs = Number(fields.u64(Tag.DURATION_US) ?? 0n) / 1_000;
  const isOomKilled = fields.u32(Tag.OOM_KILLED) === 1;
  const signalNumber = fields.u32(Tag.SIGNAL);
  if (signalNumber !== undefined && isLinuxSignal(signalNumber)) {
    return { exitCode: null, signal: linuxSignalName(signalNumber), signalNumber, durationMs, isOomKilled };
  }
  const exitCode = fields.u32(Tag.EXIT_CODE);
  if (exitCode === undefined || exitCode > 255) {
    throw new SmolVMError("PROTOCOL_ERROR", `the guest does not say how the command ${JSON.stringify(command)} ended`);
  }
  return { exitCode, signal: null, signalNumber: null, durationMs, isOomKilled };
}
