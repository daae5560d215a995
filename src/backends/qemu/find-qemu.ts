import { readdirSync, readFileSync } from "node:fs";
import { identifyProcess, type ProcessIdentity } from "../../process/process-identity.ts";
import type { VmmPaths } from "../backend.ts";
import { escapeValue, pidFilePath, qmpSocketPath } from "./command-line.ts";

/**
 * The QEMU that serves these paths, found without the state database: for what a crash left behind.
 *
 * On Linux by its command line, which names the VM's control socket from the first moment on; QEMU writes its pid file only
 * some milliseconds later. Elsewhere by that file.
 */
export function findQemu(paths: Pick<VmmPaths, "vmDir" | "socketDir">): ProcessIdentity | undefined {
  const pid = process.platform === "linux" ? findByCommandLine(paths) : readPidFile(paths);
  return pid === undefined ? undefined : identifyProcess(pid);
}

function findByCommandLine(paths: Pick<VmmPaths, "socketDir">): number | undefined {
  const socket = `path=${escapeValue(qmpSocketPath(paths))},`;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(socket);
      } catch {
        return false; // it has ended in the meantime
      }
    });
}

function readPidFile(paths: Pick<VmmPaths, "vmDir">): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(pidFilePath(paths), "utf8"), 10);
    return pid > 1 ? pid : undefined;
  } catch {
    return undefined; // QEMU never got that far, or removed it when it ended
  }
}
