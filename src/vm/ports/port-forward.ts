import { createServer, isIPv6, type Server, type Socket } from "node:net";
import { debugLog } from "../../process/debug-log.ts";
import type { Connect } from "../connect.ts";
import type { HostPlace } from "./expose-options.ts";
import { forwardConnection } from "./forwarded-connection.ts";
import { listen } from "./listen.ts";

/** A client that is gone without a word gives its place back. */
const KEEP_ALIVE_MS = 60_000;

/**
 * A port of the host behind which a port of the guest is reached. Each connection is a stream of the VM's channel to the guest,
 * so it needs no network in the guest, and reaches servers that listen on the guest's loopback alone.
 *
 * A connection that the guest refuses or breaks is reset; the forward goes on, also over a restart of the VM.
 */
export class PortForward implements AsyncDisposable {
  readonly guestPort: number;
  readonly hostPort: number;
  readonly hostAddress: string;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  #closed: Promise<void> | undefined;

  private constructor(guestPort: number, place: HostPlace, server: Server, sockets: Set<Socket>) {
    this.guestPort = guestPort;
    this.hostPort = place.hostPort;
    this.hostAddress = place.hostAddress;
    this.#server = server;
    this.#sockets = sockets;
  }

  /** @internal Listens on the host. @throws {NetworkError} `PORT_IN_USE` or `NETWORK_UNAVAILABLE`. */
  static async open(guestPort: number, place: HostPlace, connect: Connect): Promise<PortForward> {
    const sockets = new Set<Socket>();
    const options = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
    const server = createServer(options, (socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      void forwardConnection(socket, connect, guestPort);
    });
    const hostPort = await listen(server, place);
    // A connection that cannot be accepted, as when this program has no descriptor left, is that client's loss alone.
    server.on("error", (error) => debugLog("port.accept", { guestPort, reason: error.message }));
    return new PortForward(guestPort, { ...place, hostPort }, server, sockets);
  }

  /** Whether it was not closed. */
  get isOpen(): boolean {
    return this.#closed === undefined;
  }

  /** `http://ADDRESS:PORT` as a program on this machine reaches it. */
  get url(): string {
    const address = { "0.0.0.0": "127.0.0.1", "::": "::1" }[this.hostAddress] ?? this.hostAddress;
    return `http://${isIPv6(address) ? `[${address}]` : address}:${this.hostPort}`;
  }

  /** @internal Lets the program end while nobody is connected. */
  unref(): void {
    this.#server.unref();
  }

  /** Stops listening and resets the connections. Resolves when none is left; may be called again. */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.resetAndDestroy();
    });
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
