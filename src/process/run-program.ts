import { spawn } from "node:child_process";
import { HostError } from "../errors/smolvm-error.ts";
import { debugLog } from "./debug-log.ts";

const TAIL_BYTES = 16 * 1024;
const TERM_GRACE_MS = 2_000;

/** How to run a program to its end. */
export interface RunProgramOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** TERM to the process group when it fires, KILL two seconds later. */
  readonly signal?: AbortSignal;
  /** Called with each line of stdout and stderr, for progress. */
  readonly onLine?: (line: string) => void;
  /** Bytes for stdin; without it stdin is closed. */
  readonly stdin?: string;
}

/** How a program ended. */
export interface ProgramResult {
  readonly exitCode: number;
  readonly stdout: string;
  /** The last 16 KiB of stderr. */
  readonly stderrTail: string;
}

/**
 * Runs a program (argv, never a shell string) in its own process group and waits for its end.
 *
 * A non-zero exit code is a value. When `signal` fires, the whole group is terminated and the promise rejects with the
 * signal's reason.
 *
 * @throws {HostError} `PREREQUISITE_MISSING` when the program is not installed.
 */
export async function runProgram(argv: readonly string[], options: RunProgramOptions = {}): Promise<ProgramResult> {
  const [program = "", ...args] = argv;
  options.signal?.throwIfAborted();
  debugLog("process.run", { argv });
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: [options.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  child.stdin?.on("error", () => {
    // The program may end without reading its input; its exit code tells.
  });
  child.stdin?.end(options.stdin);

  let stdout = "";
  let stderrTail = "";
  const splitter = options.onLine ? lineSplitter(options.onLine) : undefined;
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    splitter?.(text);
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderrTail = (stderrTail + text).slice(-TAIL_BYTES);
    splitter?.(text);
  });

  const killGroup = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // The group is gone already, which is what was wanted.
    }
  };
  let killTimer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    killGroup("SIGTERM");
    killTimer = setTimeout(() => killGroup("SIGKILL"), TERM_GRACE_MS);
  };
  options.signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once("error", (cause: NodeJS.ErrnoException) => {
        reject(
          cause.code === "ENOENT"
            ? new HostError("PREREQUISITE_MISSING", `the program "${program}" is not installed`, { cause })
            : cause,
        );
      });
      child.once("close", (code, signal) => resolve(code ?? (signal ? 128 : 1)));
    });
    options.signal?.throwIfAborted();
    return { exitCode, stdout, stderrTail };
  } finally {
    clearTimeout(killTimer);
    options.signal?.removeEventListener("abort", onAbort);
  }
}

function lineSplitter(onLine: (line: string) => void): (text: string) => void {
  let rest = "";
  return (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  };
}
