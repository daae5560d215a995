import { createServer, type Server, type Socket } from "node:net";

import { FakeSession } from "./fake-session.ts";
import { temporarySocketPath } from "./socket-path.ts";

/** What a fake agent promises in its WELCOME. */
export interface FakeAgentOptions {
  readonly maxRequests?: number;
  readonly inputWindowBytes?: number;
}

/**
 * A guest agent for tests: speaks the protocol of `guest/protocol.md` on a Unix socket, and executes commands as real
 * processes of the test machine. Each connection is a port of its own.
 */
export class FakeAgent implements AsyncDisposable {
  readonly socketPath: string;
  readonly sessions: FakeSession[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #removePath: () => void;

  private constructor(server: Server, socketPath: string, removePath: () => void) {
    this.#server = server;
    this.socketPath = socketPath;
    this.#removePath = removePath;
  }

  static async start(options: FakeAgentOptions = {}): Promise<FakeAgent> {
    const { path, remove } = temporarySocketPath();
    const server = createServer();
    const agent = new FakeAgent(server, path, remove);
    server.on("connection", (socket) => agent.#accept(socket, options));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return agent;
  }

  /** Breaks all connections, as a VM does that dies. */
  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hangUp();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of this.sessions) await session.gone();
    this.#removePath();
  }

  #accept(socket: Socket, options: FakeAgentOptions): void {
    this.#sockets.add(socket);
    const session = new FakeSession(socket, {
      maxRequests: options.maxRequests ?? 64,
      inputWindowBytes: options.inputWindowBytes ?? 65_536,
    });
    this.sessions.push(session);
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
