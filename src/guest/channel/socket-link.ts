import { connect, type Socket } from "node:net";

/** What one read takes from the socket at most. */
const RECEIVE_BUFFER_BYTES = 65_536;

/**
 * One connection over a Unix socket. Reads go into one buffer that is used again and again: whoever receives bytes
 * copies what it keeps. That avoids an allocation and a stream's bookkeeping for each read.
 */
export class SocketLink {
  readonly socket: Socket;
  /** Settles when the socket is closed for good; never rejects. */
  readonly closed: Promise<void>;
  /** Takes bytes that are valid during the call only. */
  onBytes: (bytes: Uint8Array) => void = () => {};
  /** Called once, when the other side hangs up or the socket fails. Not called after `destroy`. */
  onHangUp: (cause: Error | undefined) => void = () => {};
  #isDone = false;

  constructor(socketPath: string) {
    this.socket = connect({
      path: socketPath,
      onread: {
        buffer: Buffer.allocUnsafeSlow(RECEIVE_BUFFER_BYTES),
        callback: (size, buffer) => {
          if (!this.#isDone) this.onBytes(buffer.subarray(0, size));
          return !this.#isDone;
        },
      },
    });
    this.closed = new Promise((resolve) => this.socket.once("close", () => resolve()));
    this.socket.on("error", (error) => this.#hangUp(error));
    this.socket.on("end", () => this.#hangUp(undefined));
    this.socket.on("close", () => this.#hangUp(undefined));
  }

  /** Closes at once; what was not sent is dropped. */
  destroy(): void {
    this.#isDone = true;
    this.socket.destroy();
  }

  #hangUp(cause: Error | undefined): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.socket.destroy();
    this.onHangUp(cause);
  }
}
