import type { SmolVM } from "../../src/index.ts";

/** What no two VMs of one template may share. */
export interface CloneMarks {
  /** By the name of the mark. */
  readonly marks: ReadonlyMap<string, string>;
  /** The guest's clock less the host's, measured from the middle of the quickest of some round trips. */
  readonly clockErrorMs: number;
  /** By how much that may be wrong. */
  readonly clockUncertaintyMs: number;
}

/** How to learn each. Randomness comes first: it is what the guest gives the first program that asks. */
const MARKS: Readonly<Record<string, string>> = {
  "32 bytes of /dev/urandom": "head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \\n'; echo",
  "32 bytes of OpenSSL": "openssl rand -hex 32",
  "a UUID of the kernel": "cat /proc/sys/kernel/random/uuid",
  "machine id": "cat /etc/machine-id",
  "host key": "ssh-keygen -y -f /etc/ssh/ssh_host_ed25519_key | cut -d ' ' -f 2",
  "public host key": "cut -d ' ' -f 2 /etc/ssh/ssh_host_ed25519_key.pub",
  "hardware address": "cat /sys/class/net/eth0/address",
  hostname: "hostname",
};
const CLOCK_ROUNDS = 5;

/** Asks a VM for what should be its own. */
export async function readCloneMarks(vm: SmolVM): Promise<CloneMarks> {
  const { stdout } = await vm.run(Object.values(MARKS).join("\n"));
  const lines = stdout.trim().split("\n");
  const marks = new Map(Object.keys(MARKS).map((name, index) => [name, lines[index] ?? ""]));
  let best = { clockErrorMs: Number.NaN, clockUncertaintyMs: Infinity };
  for (let round = 0; round < CLOCK_ROUNDS; round++) {
    const startMs = Date.now();
    const answer = await vm.run(["date", "+%s.%N"]);
    const endMs = Date.now();
    const clockUncertaintyMs = (endMs - startMs) / 2;
    if (clockUncertaintyMs > best.clockUncertaintyMs) continue;
    best = { clockErrorMs: Number(answer.stdout) * 1_000 - (startMs + endMs) / 2, clockUncertaintyMs };
  }
  return { marks, ...best };
}

/** The marks that two of these have in common, or that one lacks; empty: all is well. */
export function sharedMarks(clones: readonly CloneMarks[]): string[] {
  return Object.keys(MARKS).filter((name) => {
    const values = new Set(clones.map(({ marks }) => marks.get(name)));
    return values.size !== clones.length || values.has("");
  });
}
