import { createServer } from "node:net";
import { QmpClient } from "../../src/backends/qemu/qmp-client.ts";
import type { SmolVM } from "../../src/index.ts";
import { listen } from "../../src/vm/ports/listen.ts";

/** Has QEMU's user networking forward a free port of this machine to one of the guest; returns it. */
export async function hostForward(vm: SmolVM, guestPort: number): Promise<number> {
  const hostPort = await freePort();
  await using qmp = await QmpClient.connect(vm.info.socketPath ?? "");
  const command = `hostfwd_add net0 tcp:127.0.0.1:${hostPort}-:${guestPort}`;
  const answer = await qmp.execute("human-monitor-command", { "command-line": command });
  if (answer !== "") throw new Error(`QEMU forwards no port: ${String(answer)}`);
  return hostPort;
}

/** A port of this machine that nobody has. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server, { hostAddress: "127.0.0.1", hostPort: 0 });
  await new Promise((resolve) => server.close(resolve));
  return port;
}
