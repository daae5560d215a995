import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * A process, told apart from a later one with the same pid: `birth` is its start time together with the host's boot.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly birth: string;
}

let bootId: string | undefined;

/** The identity of a live process, or undefined when none has this pid (a zombie counts as none). */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const birth = process.platform === "linux" ? readBirthFromProc(pid) : readBirthFromPs(pid);
  return birth === undefined ? undefined : { pid, birth };
}

/** This process. */
export function identifySelf(): ProcessIdentity {
  self ??= identifyProcess(process.pid) ?? { pid: process.pid, birth: "unknown" };
  return self;
}
let self: ProcessIdentity | undefined;

/** Whether exactly this process still lives. */
export function isProcessAlive(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.birth === identity.birth;
}

/**
 * Whether exactly this process lives and is not on its way out: a killed process closes its sockets a moment before it is
 * gone, and whoever has seen them close must not be told that it runs.
 */
export function isProcessRunning(identity: ProcessIdentity): boolean {
  return isProcessAlive(identity) && !isExiting(identity.pid);
}

/** Sends a signal to the process if it still is that one; says whether it was sent. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isProcessAlive(identity)) return false;
  try {
    return process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

/**
 * Waits until the process is gone; says whether it is by the deadline.
 *
 * Polled every 5 ms: the process need not be our child, and Node has no event for the end of another's.
 */
export async function waitForProcessEnd(
  identity: ProcessIdentity,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<boolean> {
  const deadline = performance.now() + options.timeoutMs;
  while (isProcessAlive(identity)) {
    options.signal?.throwIfAborted();
    if (performance.now() >= deadline) return false;
    await sleep(5);
  }
  return true;
}

/** proc(5): field 22 of `/proc/PID/stat` is the start time in ticks since boot; field 2 may hold spaces and brackets. */
function readBirthFromProc(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    bootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim().slice(0, 8);
    return `${bootId}:${fields[19]}`;
  } catch {
    return undefined; // no such process
  }
}

/** proc(5): field 9 of `/proc/PID/stat` holds the kernel's flags; include/linux/sched.h: `PF_EXITING` is 4. */
function isExiting(pid: number): boolean {
  if (process.platform !== "linux") return false; // the moment cannot be seen elsewhere
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const flags = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[6]);
    return (flags & 4) !== 0;
  } catch {
    return true; // gone by now
  }
}

function readBirthFromPs(pid: number): string | undefined {
  try {
    const line = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
    return line === "" || line.startsWith("Z") ? undefined : line.replace(/^\S+\s+/, "");
  } catch {
    return undefined; // ps exits with 1 when there is no such process
  }
}
