import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { END_FRAME, HEADER_BYTES, HELLO, inputHeader, SYNC_WORD } from "./bare-frames.ts";

const DATA = 0x40;
const CREDIT = 0x42;
const RESULT = 0x83;
const GOAWAY = 0x84;
const STATUS_TAG = 7;
const WINDOW_TAG = 5;
const MAX_PAYLOAD_BYTES = 65_536;

/** The floor of all requests: one channel to a guest, spoken to in prepared frames. No library code is on its path. */
export class BareChannel implements Disposable {
  readonly #socket: Socket;
  /** What the guest takes of an input before it gives credit. */
  readonly #windowBytes: number;
  #held: Buffer = Buffer.alloc(0);
  #skipBytes = 0;
  #creditBytes = 0;
  #resultsLeft = 0;
  #dataBytes = 0;
  #onProgress: () => void = () => {};

  private constructor(socket: Socket, windowBytes: number) {
    this.#socket = socket;
    this.#windowBytes = windowBytes;
  }

  /** Connects to a port of a guest that nobody else uses; resolves with the guest's answer to HELLO. */
  static async open(socketPath: string): Promise<BareChannel> {
    const socket = connect(socketPath);
    socket.write(HELLO);
    const [welcome] = (await once(socket, "data")) as [Buffer];
    const channel = new BareChannel(socket, windowOf(welcome));
    socket.on("data", (chunk) => channel.#receive(chunk));
    return channel;
  }

  /** Sends requests in one write and waits for the results of all; returns the milliseconds in between. */
  async roundTrip(requests: Buffer, results = 1): Promise<number> {
    const started = performance.now();
    this.#begin(results);
    this.#socket.write(requests);
    await this.#until(() => this.#resultsLeft === 0);
    return performance.now() - started;
  }

  /** Sends a request and its input as the guest takes it, and waits for the result; returns the milliseconds in between. */
  async send(request: Buffer, input: Buffer): Promise<number> {
    const started = performance.now();
    this.#begin(1);
    this.#socket.write(request);
    for (let at = 0; at < input.length;) {
      await this.#until(() => this.#creditBytes > 0);
      const piece = input.subarray(at, at + Math.min(this.#creditBytes, MAX_PAYLOAD_BYTES));
      this.#creditBytes -= piece.length;
      at += piece.length;
      this.#socket.cork();
      this.#socket.write(inputHeader(piece.length));
      const isTaken = this.#socket.write(piece);
      this.#socket.uncork();
      if (!isTaken && this.#socket.writableNeedDrain) await once(this.#socket, "drain");
    }
    this.#socket.write(END_FRAME);
    await this.#until(() => this.#resultsLeft === 0);
    return performance.now() - started;
  }

  /** Begins a request that stays open, whose input comes by `echo`. */
  start(request: Buffer): void {
    this.#begin(1);
    this.#socket.write(request);
  }

  /** Sends a piece of input and waits for as many bytes of output; returns the milliseconds in between. */
  async echo(input: Buffer): Promise<number> {
    const started = performance.now();
    this.#dataBytes = 0;
    this.#socket.write(Buffer.concat([inputHeader(input.length), input]));
    await this.#until(() => this.#dataBytes >= input.length);
    return performance.now() - started;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #begin(results: number): void {
    this.#resultsLeft = results;
    this.#creditBytes = this.#windowBytes;
  }

  async #until(isDone: () => boolean): Promise<void> {
    while (!isDone()) await new Promise<void>((resolve) => (this.#onProgress = resolve));
  }

  #receive(chunk: Buffer): void {
    let rest = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    for (;;) {
      const skipped = Math.min(this.#skipBytes, rest.length);
      this.#dataBytes += skipped;
      this.#skipBytes -= skipped;
      rest = rest.subarray(skipped);
      if (rest.length < HEADER_BYTES) break;
      const size = rest.readUInt32BE(0);
      const type = rest[8];
      if (type === DATA) {
        this.#skipBytes = size;
        rest = rest.subarray(HEADER_BYTES);
        continue;
      }
      if (rest.length < HEADER_BYTES + size) break;
      this.#take(type, rest.subarray(HEADER_BYTES, HEADER_BYTES + size));
      rest = rest.subarray(HEADER_BYTES + size);
    }
    this.#held = rest;
    this.#onProgress();
  }

  #take(type: number | undefined, payload: Buffer): void {
    if (type === CREDIT) this.#creditBytes += payload.readUInt32BE(0);
    if (type === GOAWAY) throw new Error(`the guest ended the session: ${payload.toString("latin1")}`);
    if (type !== RESULT) return;
    // STATUS is the first field of every RESULT of our agent.
    if (payload.readUInt16BE(0) !== STATUS_TAG || payload.readUInt32BE(6) !== 0) {
      throw new Error(`the guest answered ${payload.toString("latin1")}`);
    }
    this.#resultsLeft -= 1;
  }
}

/** The WINDOW of a WELCOME. */
function windowOf(welcome: Buffer): number {
  for (let at = SYNC_WORD.length + HEADER_BYTES; at < welcome.length; at += 6 + welcome.readUInt32BE(at + 2)) {
    if (welcome.readUInt16BE(at) === WINDOW_TAG) return welcome.readUInt32BE(at + 6);
  }
  throw new Error("the guest's WELCOME has no WINDOW");
}
