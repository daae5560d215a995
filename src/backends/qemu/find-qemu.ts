import { readFileSync } from "node:fs";
import { identifyProcess, type ProcessIdentity } from "../../process/process-identity.ts";
import type { VmmPaths } from "../backend.ts";
import { escapeValue, pidFilePath, qmpSocketPath } from "./command-line.ts";

/**
 * The QEMU that serves these paths, by the pid file it wrote. The pid may belong to another process by now, so the
 * process's own command line must name the VM's control socket.
 */
export function findQemu(paths: Pick<VmmPaths, "vmDir" | "socketDir">): ProcessIdentity | undefined {
  let pid: number;
  try {
    pid = Number.parseInt(readFileSync(pidFilePath(paths), "utf8"), 10);
  } catch {
    return undefined; // no pid file: QEMU never got that far, or removed it when it ended
  }
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  const identity = identifyProcess(pid);
  return identity !== undefined && namesSocket(pid, escapeValue(qmpSocketPath(paths))) ? identity : undefined;
}

function namesSocket(pid: number, socketPath: string): boolean {
  if (process.platform !== "linux") return true; // the pid file is locked by QEMU itself; nothing better is at hand
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(socketPath);
  } catch {
    return false; // it has ended in the meantime
  }
}
