import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { SmolVM } from "../../src/index.ts";
import { printComparison, printComparisonHeading } from "./comparison.ts";
import { hostForward } from "./host-forward.ts";
import type { SshServer } from "./ssh-server.ts";
import { inTurns, timed } from "./timed.ts";

const BULK_PORT = 7_001;
const ECHO_PORT = 7_002;
const MESSAGE = Buffer.from("a line of input\n");

/** Ways to one port of the guest, by their ports on this machine. */
interface Ways {
  readonly floor: number;
  readonly ours: number;
  readonly ssh: number | undefined;
}

/**
 * Servers of the guest reached through an exposed port, through QEMU's own forwarding, which is the floor here although it needs a
 * network and reaches no loopback, and through ssh's.
 */
export async function comparePorts(vm: SmolVM, ssh: SshServer | undefined, count: number, mib: number): Promise<void> {
  printComparisonHeading("Exposed ports (floor: QEMU's forwarding)");
  const sizeBytes = mib * 2 ** 20;
  await startServer(vm, BULK_PORT, `my $b = "x" x 1048576; print $c $b for 1 .. ${mib}`);
  const bulk = await waysTo(vm, ssh, BULK_PORT);
  const amount = { count: sizeBytes / 1e6, unit: "MB" } as const;
  await compare(`${mib} MiB from a server`, 3, bulk, (port) => receive(connectTo(port), sizeBytes), amount);

  await startServer(vm, ECHO_PORT, "while (sysread $c, my $b, 4096) { syswrite $c, $b }");
  const echo = await waysTo(vm, ssh, ECHO_PORT);
  await compare("a connection with one echo", count, echo, async (port) => {
    const socket = connectTo(port);
    await roundTrip(socket);
    socket.destroy();
  });
  const sockets = new Map<number, Socket>();
  for (const port of Object.values(echo) as (number | undefined)[])
    if (port !== undefined) sockets.set(port, connectTo(port));
  for (const socket of sockets.values()) await roundTrip(socket);
  await compare("an echo on an open connection", count, echo, (port) => roundTrip(sockets.get(port)!));
  for (const socket of sockets.values()) socket.destroy();
}

/** A server in Perl with a process for each connection; `body` is what that does with its socket `$c`. */
async function startServer(vm: SmolVM, port: number, body: string): Promise<void> {
  const listener = `IO::Socket::INET->new(LocalPort => ${port}, Listen => 50, ReuseAddr => 1)`;
  const program = `$SIG{CHLD} = "IGNORE"; my $s = ${listener} or die; while (my $c = $s->accept) { if (fork) { close $c; next } ${body}; exit 0 }`;
  await vm.run(`perl -MIO::Socket::INET -e '${program}' >/dev/null 2>&1 &`);
  await vm.waitForPort(port);
}

async function waysTo(vm: SmolVM, ssh: SshServer | undefined, guestPort: number): Promise<Ways> {
  const { hostPort } = await vm.exposePort(guestPort);
  return { floor: await hostForward(vm, guestPort), ours: hostPort, ssh: await ssh?.forward(guestPort) };
}

async function compare(
  name: string,
  count: number,
  { floor, ours, ssh }: Ways,
  work: (port: number) => Promise<void>,
  amount?: { readonly count: number; readonly unit: "MB" },
): Promise<void> {
  const figures = await inTurns(count, {
    floor: () => timed(() => work(floor)),
    ours: () => timed(() => work(ours)),
    tunnel: ssh === undefined ? undefined : () => timed(() => work(ssh)),
  });
  printComparison({ name, ...figures, ssh: { "ssh -L": figures.tunnel }, ...(amount && { amount }) });
}

function connectTo(port: number): Socket {
  return connect({ port, host: "127.0.0.1", noDelay: true });
}

async function receive(socket: Socket, sizeBytes: number): Promise<void> {
  let bytes = 0;
  socket.on("data", (piece: Buffer) => (bytes += piece.length));
  await once(socket, "close");
  if (bytes !== sizeBytes) throw new Error(`${bytes} bytes came instead of ${sizeBytes}`);
}

async function roundTrip(socket: Socket): Promise<void> {
  socket.write(MESSAGE);
  await once(socket, "data");
}
