import { readFileSync } from "node:fs";

/**
 * How much memory a process shares with no file, swapped out or not (proc_pid_status(5)); undefined where the system does not
 * tell.
 */
export function readPrivateBytes(pid: number): number | undefined {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return undefined; // no Linux, or no such process
  }
  const anonymous = kib(status, "RssAnon");
  return anonymous === undefined ? undefined : (anonymous + (kib(status, "VmSwap") ?? 0)) * 1024;
}

function kib(status: string, name: string): number | undefined {
  const value = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  return value === undefined ? undefined : Number(value);
}
