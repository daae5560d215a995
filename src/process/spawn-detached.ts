import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Socket } from "node:net";
import { HostError } from "../errors/smolvm-error.ts";
import { debugLog } from "./debug-log.ts";
import { identifyProcess, type ProcessIdentity } from "./process-identity.ts";

/** How a process ended, as its parent saw it. */
export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that outlives the one that started it. */
export interface DetachedProcess {
  readonly identity: ProcessIdentity;
  /** Our end of a socket pair whose other end is the process's file descriptor 3. */
  readonly control: Socket;
  /** Settles when the process ends while this one still lives. */
  readonly ended: Promise<ProcessEnd>;
  /** Keeps this process alive until that one has ended, for whoever waits for its end. */
  hold(): void;
}

/**
 * Starts a program as a session of its own, with output appended to a log file (mode 0600), never truncated.
 *
 * Nothing of it keeps this process alive: not the process, and not the control socket.
 *
 * @throws {HostError} `PREREQUISITE_MISSING` or `VMM_FAILED` when it cannot be started.
 */
export async function spawnDetached(
  argv: readonly string[],
  options: {
    readonly logPath: string;
    readonly cwd: string;
    /** Open files that become its descriptors 4, 5, …; they stay open here. */
    readonly files?: readonly number[];
    /** Its environment, besides PATH and LANG. */
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<DetachedProcess> {
  const [program = "", ...args] = argv;
  debugLog("process.spawn", { argv });
  const log = openSync(options.logPath, "a", 0o600);
  let child: ChildProcess;
  try {
    child = spawn(program, args, {
      cwd: options.cwd,
      // Nothing of the caller's environment (tokens, keys) is handed on.
      env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", LANG: "C.UTF-8", ...options.env },
      detached: true,
      stdio: ["ignore", log, log, "pipe", ...(options.files ?? [])],
    });
  } finally {
    closeSync(log);
  }
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once("exit", (exitCode, signal) => resolve({ exitCode, signal }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (cause: NodeJS.ErrnoException) => {
      const code = cause.code === "ENOENT" ? "PREREQUISITE_MISSING" : "VMM_FAILED";
      reject(new HostError(code, `the program "${program}" could not be started: ${cause.message}`, { cause }));
    });
  });
  const control = child.stdio[3] as Socket;
  control.on("error", () => {
    // The process is gone; `ended` tells.
  });
  control.unref();
  child.unref();
  const pid = child.pid ?? 0;
  // A process that died at once has no identity any more; its pid alone then matches nothing.
  return {
    identity: identifyProcess(pid) ?? { pid, birth: "dead" },
    control,
    ended,
    hold: () => child.ref(),
  };
}
