import { parseExit } from "../command/exec-result.ts";
import { toProcessExit } from "../command/process-exit.ts";
import type { FieldReader } from "../protocol/fields.ts";
import { Tag } from "../protocol/frame-types.ts";
import { protocolViolation } from "../protocol/protocol-violation.ts";

/** What is known of a detached process; frozen. */
export interface ProcessInfo {
  /** Never used again while the VM runs. */
  readonly id: string;
  /** The name it was given, or null. */
  readonly name: string | null;
  /** Its process id in the guest. */
  readonly pid: number;
  /** Its argv; of a long one the beginning, about 1,000 bytes. */
  readonly command: readonly string[];
  /** By the guest's clock. */
  readonly startedAt: Date;
  readonly status: "running" | "exited";
  /** 128 + n for one that signal n ended; null while it runs. */
  readonly exitCode: number | null;
  /** The signal that ended it, or null. */
  readonly signal: NodeJS.Signals | null;
  /** From its start to its exit; null while it runs. */
  readonly durationMs: number | null;
  /** Whether the guest's kernel killed it for want of memory. */
  readonly isOomKilled: boolean;
}

/** Reads a record of PROCESS_LIST. */
export function parseProcessInfo(record: FieldReader): ProcessInfo {
  const number = record.u32(Tag.PROCESS);
  const pid = record.u32(Tag.PID);
  if (number === undefined || pid === undefined) throw protocolViolation("a detached process has no PROCESS or no PID");
  const command: string[] = [];
  for (const { tag, value } of record.entries()) if (tag === Tag.ARG) command.push(value.toString("utf8"));
  const hasEnded = record.bytes(Tag.EXIT_CODE) !== undefined || record.bytes(Tag.SIGNAL) !== undefined;
  const exit = hasEnded ? toProcessExit(parseExit(command[0] ?? "", record)) : undefined;
  return Object.freeze({
    id: String(number),
    name: record.text(Tag.NAME) ?? null,
    pid,
    command: Object.freeze(command),
    startedAt: new Date(Number((record.u64(Tag.START_NS) ?? 0n) / 1_000_000n)),
    status: hasEnded ? "exited" : "running",
    exitCode: exit?.exitCode ?? null,
    signal: exit?.signal ?? null,
    durationMs: exit?.durationMs ?? null,
    isOomKilled: exit?.isOomKilled ?? false,
  });
}
