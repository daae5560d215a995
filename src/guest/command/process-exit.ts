import type { ExecResult } from "./exec-result.ts";

/** How a process in the guest ended. */
export interface ProcessExit {
  /** Its exit code; 128 + n for a process that signal n ended. */
  readonly exitCode: number;
  /** The signal that ended it; null for an exit, and for real-time signals, which have no names. */
  readonly signal: NodeJS.Signals | null;
  /** From its start to its exit in milliseconds, by the guest's clock. */
  readonly durationMs: number;
  /** Whether the guest's kernel killed it for want of memory. Then `signal` is `"SIGKILL"` or, of a shell, `exitCode` 137. */
  readonly isOomKilled: boolean;
}

/** An exit in the terms of users, where each has an exit code. */
export function toProcessExit(result: ExecResult): ProcessExit {
  const { exitCode, signal, signalNumber, durationMs, isOomKilled } = result;
  return Object.freeze({ exitCode: exitCode ?? 128 + (signalNumber ?? 0), signal, durationMs, isOomKilled });
}
