import { readFileSync } from "node:fs";
import { freemem, totalmem } from "node:os";

const MIB = 1024 * 1024;

/** Of the machine's memory, what is left alone: a tenth, and at least half a gigabyte. */
const RESERVE_SHARE = 0.1;
const MIN_RESERVE_MIB = 512;

/** Whether a VM with so much memory fits into this machine's, with what other programs may need left free. */
export function hasRoomFor(memoryMiB: number): boolean {
  const reserveMiB = Math.max((totalmem() / MIB) * RESERVE_SHARE, MIN_RESERVE_MIB);
  return availableMiB() - memoryMiB >= reserveMiB;
}

/** proc_meminfo(5): `MemAvailable` is what programs can have without swapping, caches that can be dropped included. */
function availableMiB(): number {
  try {
    const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
    if (kib !== undefined) return Number(kib) / 1024;
  } catch {
    // No Linux.
  }
  return freemem() / MIB;
}
