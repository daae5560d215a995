import { HostError } from "../../errors/smolvm-error.ts";
import type { MemoryRegion } from "../../process/memory-region.ts";

/** What Linux says when a process is another's (`EPERM`, `EACCES`), has ended, or has no memory at the address. */
const UNREADABLE: readonly (string | undefined)[] = ["EPERM", "EACCES", "ESRCH", "ENOENT", "EIO", "EFAULT"];

/** The memory of a VMM cannot be read from outside: the machine does not let us, or the VMM is gone. */
class MemoryUnreadableError extends HostError {
  override readonly name: string = "MemoryUnreadableError";
}

/** Whether the error says that this VMM's memory cannot be read from outside, so that another way has to be taken. */
export function isMemoryUnreadable(error: unknown): boolean {
  return error instanceof MemoryUnreadableError;
}

/** The error for a region, of what failed when it was read. */
export function memoryFailure({ pid }: MemoryRegion, cause: unknown): HostError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const text = `the memory of process ${pid} cannot be read: ${message}`;
  if (!UNREADABLE.includes(code)) return new HostError("IO_ERROR", text, { cause, details: { pid } });
  return new MemoryUnreadableError("IO_ERROR", text, {
    cause,
    details: { pid, reason: code },
    hint: "Check that the VMM runs as this user, and that the machine allows to trace it (kernel.yama.ptrace_scope).",
  });
}

/** The error for a region of which not all is there. */
export function memoryGone(region: MemoryRegion): HostError {
  const cause = Object.assign(new Error("its memory is not there any more"), { code: "ESRCH" });
  return memoryFailure(region, cause);
}
