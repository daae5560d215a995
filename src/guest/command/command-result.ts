import type { ByteCollector } from "./byte-collector.ts";
import type { ProcessExit } from "./process-exit.ts";

/** How a command ended and what it wrote. */
export interface CommandResult extends ProcessExit {
  /** 128 + n for a command that signal n ended, 127 for one that was not found, 126 for one that cannot be executed. */
  readonly exitCode: number;
  /** Whether the exit code is 0. */
  readonly ok: boolean;
  /** stdout as UTF-8; what is not UTF-8 shows as U+FFFD. */
  readonly stdout: string;
  /** stderr as UTF-8; what is not UTF-8 shows as U+FFFD. */
  readonly stderr: string;
  /** stdout followed by stderr. */
  readonly output: string;
  /** Whether output went to `onStdout` or `onStderr` that is not kept here, being over `maxOutputBytes`. */
  readonly isTruncated: boolean;
  /** stdout, exactly. Not enumerable: a printed or serialized result stays readable. */
  readonly stdoutBytes: Uint8Array;
  /** stderr, exactly. Not enumerable. */
  readonly stderrBytes: Uint8Array;
}

/** The parts that a result is made of. */
export interface CommandEnd extends ProcessExit {
  readonly isTruncated: boolean;
  readonly stdout: ByteCollector;
  readonly stderr: ByteCollector;
}

/** Makes the frozen result. */
export function makeCommandResult(end: CommandEnd): CommandResult {
  const { exitCode, signal, durationMs, isOomKilled, isTruncated } = end;
  const stdout = end.stdout.text();
  const stderr = end.stderr.text();
  const result = {
    exitCode,
    signal,
    ok: exitCode === 0,
    stdout,
    stderr,
    output: stdout + stderr,
    durationMs,
    isOomKilled,
    isTruncated,
  };
  // Getters: putting 50 MB into one piece costs as much as receiving them, and few callers ask for bytes.
  return Object.freeze(
    Object.defineProperties(result, {
      stdoutBytes: { get: () => end.stdout.bytes() },
      stderrBytes: { get: () => end.stderr.bytes() },
    }),
  ) as CommandResult;
}
