import { once } from "node:events";
import type { AddressInfo, Server } from "node:net";
import { NetworkError } from "../../errors/smolvm-error.ts";
import type { HostPlace } from "./expose-options.ts";

/**
 * Has a server listen, and returns its port.
 *
 * @throws {NetworkError} `PORT_IN_USE`; `NETWORK_UNAVAILABLE` for an address or a port that this program may not have.
 */
export async function listen(server: Server, { hostAddress, hostPort }: HostPlace): Promise<number> {
  try {
    // A second listener on one port must fail, also where this process is a worker of a cluster.
    server.listen({ host: hostAddress, port: hostPort, exclusive: true });
    await once(server, "listening");
  } catch (cause) {
    throw listenError(cause as NodeJS.ErrnoException, hostAddress, hostPort);
  }
  return (server.address() as AddressInfo).port;
}

function listenError(cause: NodeJS.ErrnoException, hostAddress: string, hostPort: number): NetworkError {
  const where = `port ${hostPort} of ${hostAddress}`;
  const options = { cause, details: { hostAddress, hostPort, errno: cause.code } };
  switch (cause.code) {
    case "EADDRINUSE":
      return new NetworkError("PORT_IN_USE", `another program listens on ${where} already`, options);
    case "EACCES":
      return new NetworkError("NETWORK_UNAVAILABLE", `this program may not listen on ${where}`, {
        ...options,
        hint: "Ports below 1024 need privileges: choose a higher one.",
      });
    case "EADDRNOTAVAIL":
      return new NetworkError("NETWORK_UNAVAILABLE", `this machine does not have the address ${hostAddress}`, {
        ...options,
        hint: 'Use "127.0.0.1", or an address that `ip address` lists.',
      });
    default:
      return new NetworkError("NETWORK_UNAVAILABLE", `cannot listen on ${where}: ${cause.message}`, {
        ...options,
        hint: "Choose another hostPort or hostAddress.",
      });
  }
}
