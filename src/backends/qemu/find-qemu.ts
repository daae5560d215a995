import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { identifyProcess, type ProcessIdentity } from "../../process/process-identity.ts";
import type { VmmPaths } from "../backend.ts";
import { escapeValue, pidFilePath, qmpSocketPath } from "./command-line.ts";

/**
 * The QEMU that serves these paths, found without the state database: for what a crash left behind.
 *
 * On Linux by its command line, which names the VM's control socket; QEMU writes its pid file only some milliseconds later. A
 * process that is about to become QEMU, as its creator was killed between fork and exec, is known by the log in the VM's directory
 * that it has open for writing. Elsewhere by the pid file.
 */
export function findQemu(paths: Pick<VmmPaths, "vmDir" | "socketDir">): ProcessIdentity | undefined {
  const pid = process.platform === "linux" ? (findByCommandLine(paths) ?? findByLog(paths)) : readPidFile(paths);
  return pid === undefined ? undefined : identifyProcess(pid);
}

function findByCommandLine(paths: Pick<VmmPaths, "socketDir">): number | undefined {
  const socket = `path=${escapeValue(qmpSocketPath(paths))},`;
  return findProcess((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(socket));
}

/** Readers of the log, as `smolvm logs` is one, are none. */
function findByLog({ vmDir }: Pick<VmmPaths, "vmDir">): number | undefined {
  return findProcess(
    (pid) =>
      pid !== process.pid &&
      readdirSync(`/proc/${pid}/fd`).some((fd) => {
        const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
        return target.startsWith(`${vmDir}/`) && target.endsWith(".log") && isWriting(pid, fd);
      }),
  );
}

/** Whether a descriptor was opened for writing: the last digit of its flags, which are octal (proc_pid_fdinfo(5)). */
function isWriting(pid: number, fd: string): boolean {
  const flags = /^flags:\s*[0-7]*([0-7])$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8"))?.[1] ?? "0";
  return Number(flags) % 4 !== 0;
}

function findProcess(matches: (pid: number) => boolean): number | undefined {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => {
      try {
        return matches(pid);
      } catch {
        return false; // it has ended in the meantime, or is somebody else's
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
