import assert from "node:assert/strict";
import type { GuestProcess, SmolVM } from "../../src/index.ts";

/** Counts in a file, under the process's id, and aloud. */
const COUNT = `$| = 1; for ($i = 1;; $i++) { put($i); print "$i\\n"; select undef, undef, undef, 0.1 }`;
/** Holds a connection to itself, and writes down what came over it. */
const TALK = `
  use IO::Socket::INET;
  $server = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1:7777");
  $client = IO::Socket::INET->new("127.0.0.1:7777");
  $peer = $server->accept;
  for ($i = 1;; $i++) { syswrite $client, "$i\\n"; sysread $peer, $said, 64; put($said + 0); select undef, undef, undef, 0.1 }`;
/** One program without children, as under emulation the start of a program takes longer than all else. */
const counter = (path: string, what: string): string[] => [
  "perl",
  "-e",
  `sub put { open F, ">", "${path}.new"; print F "$$ $_[0]\\n"; close F; rename "${path}.new", "${path}" } ${what}`,
];

const COUNTS = ["/dev/shm/detached", "/dev/shm/open", "/dev/shm/talked", "/root/growing"] as const;

/** What was to be seen in a guest at one moment. */
export interface Sight {
  /** Of each process that counts: its id, and how far it was. */
  readonly counts: readonly { readonly pid: number; readonly count: number }[];
  readonly digest: string;
  readonly bootId: string;
}

/** Fills a guest with what must survive: processes, a connection, a file that grows, trees on disk and in memory. */
export async function setScene(vm: SmolVM): Promise<GuestProcess> {
  const tree = "for i in 1 2 3 4 5; do head -c $((i * 30000)) /dev/urandom > $i; done";
  await vm.run(`mkdir -p /root/tree /dev/shm/tree; cd /root/tree; ${tree}; cd /dev/shm/tree; ${tree}; sync`);
  await vm.spawn(counter("/dev/shm/detached", COUNT), { detached: true });
  await vm.spawn(counter("/dev/shm/talked", TALK), { detached: true });
  await vm.spawn(counter("/root/growing", COUNT), { detached: true });
  const open = await vm.spawn(counter("/dev/shm/open", COUNT));
  const seen = await vm.run(`until cat ${COUNTS.join(" ")} 2> /dev/null; do sleep 0.05; done`, { timeoutMs: 30_000 });
  assert.ok(seen.ok, seen.stderr);
  return open;
}

/** Looks at all of it. */
export async function look(vm: SmolVM): Promise<Sight> {
  const { stdout, ok, stderr } = await vm.run(
    `cat ${COUNTS.join(" ")}
     cat /root/tree/* /dev/shm/tree/* | sha256sum
     cat /proc/sys/kernel/random/boot_id`,
  );
  assert.ok(ok, stderr);
  const lines = stdout.trimEnd().split("\n");
  const counts = lines.slice(0, COUNTS.length).map((line) => {
    const [pid = 0, count = 0] = line.split(" ").map(Number);
    return { pid, count };
  });
  const [digest = "", bootId = ""] = lines.slice(COUNTS.length);
  return { counts, digest, bootId };
}

/** Asserts that a guest goes on from where it was `before`: the same processes, further; the same data; no other boot. */
export async function assertGoesOn(vm: SmolVM, before: Sight): Promise<Sight> {
  const first = await look(vm);
  assert.deepEqual([first.digest, first.bootId], [before.digest, before.bootId]);
  let now = first;
  const deadline = performance.now() + 20_000;
  const isFurther = (): boolean => now.counts.every(({ count }, index) => count > (first.counts[index]?.count ?? 0));
  while (!isFurther() && performance.now() < deadline) now = await look(vm);
  for (const [index, { pid, count }] of now.counts.entries()) {
    const what = COUNTS[index];
    assert.equal(pid, before.counts[index]?.pid, `${what}: the same process`);
    assert.ok((first.counts[index]?.count ?? 0) >= (before.counts[index]?.count ?? 0), `${what}: not from the start`);
    assert.ok(count > (first.counts[index]?.count ?? 0), `${what}: it goes on`);
  }
  return now;
}
