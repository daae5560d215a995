import { once } from "node:events";
import type { Command } from "commander";
import { ValidationError } from "../../errors/smolvm-error.ts";
import type { Connect } from "../../vm/connect.ts";
import { parseExposeOptions } from "../../vm/ports/expose-options.ts";
import { PortForward } from "../../vm/ports/port-forward.ts";
import { waitForPort } from "../../vm/ports/wait-for-port.ts";
import { interrupted } from "../interrupt.ts";
import { openManager } from "../open-manager.ts";
import { printJson } from "../print.ts";

interface PortFlags {
  readonly address: string;
  readonly wait?: boolean;
  readonly json?: boolean;
}

export function registerPort(program: Command): void {
  program
    .command("port")
    .description("make TCP ports of a running VM reachable on this machine, until Ctrl-C")
    .argument("<id>", "id of the VM")
    .argument("<guest[:host]...>", "port in the guest, and on this machine (default: any that is free)")
    .option("--address <address>", "IP address of this machine to listen on", "127.0.0.1")
    .option("--wait", "first wait, 60 s at most, until something in the guest listens")
    .option("--json", "print the forwards as JSON once all are there")
    .action(async (id: string, pairs: string[], flags: PortFlags, self: Command) => {
      const wanted = pairs.map((pair) => parsePair(pair, flags.address));
      await using manager = openManager(self);
      const connect: Connect = ({ timeoutMs, signal = interrupted } = {}) =>
        manager.channel(id, { signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
      await connect();
      await using forwards = new AsyncDisposableStack();
      const opened: PortForward[] = [];
      for (const { guestPort, place } of wanted) {
        if (flags.wait === true) await waitForPort(connect, guestPort, { signal: interrupted });
        const forward = forwards.use(await PortForward.open(guestPort, place, connect));
        opened.push(forward);
        if (flags.json !== true) process.stdout.write(`${describe(forward)}\n`);
      }
      if (flags.json === true) printJson(opened.map(toJson));
      await untilVmIsGone(connect);
    });
}

function parsePair(
  pair: string,
  hostAddress: string,
): { guestPort: number; place: ReturnType<typeof parseExposeOptions> } {
  const match = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(pair);
  if (match === null) {
    throw new ValidationError(
      "INVALID_OPTION",
      `a port must be GUEST or GUEST:HOST, such as 8000 or 8000:80, got ${JSON.stringify(pair)}`,
    );
  }
  const guestPort = Number(match[1]);
  return { guestPort, place: parseExposeOptions(guestPort, { hostPort: Number(match[2] ?? 0), hostAddress }) };
}

/** Ends by the error that says why the VM cannot be reached any more, or by the interruption. */
async function untilVmIsGone(connect: Connect): Promise<never> {
  const interruption = once(interrupted, "abort");
  for (;;) {
    const channel = await connect();
    await Promise.race([channel.closed, interruption]);
    interrupted.throwIfAborted();
  }
}

function describe({ hostAddress, hostPort, guestPort }: PortForward): string {
  return `${hostAddress}:${hostPort} -> ${guestPort}`;
}

function toJson({ guestPort, hostPort, hostAddress, url }: PortForward): object {
  return { guestPort, hostPort, hostAddress, url };
}
