import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";

import { FieldReader, type Field } from "../../../src/guest/protocol/fields.ts";
import { FrameDecoder } from "../../../src/guest/protocol/frame-decoder.ts";
import { encodeFieldsFrame } from "../../../src/guest/protocol/frame-encoder.ts";
import { FrameType, Status, Tag } from "../../../src/guest/protocol/frame-types.ts";
import { SYNC_WORD } from "../../../src/guest/protocol/sync.ts";
import { temporarySocketPath } from "./socket-path.ts";

/** A frame that the host has sent; the parts of one DATA frame are one frame each. */
export interface SeenFrame {
  readonly type: FrameType;
  readonly id: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A guest whose every byte a test decides: takes one connection, and records what the host sends. */
export class ScriptedGuest implements AsyncDisposable {
  readonly socketPath: string;
  readonly frames: SeenFrame[] = [];
  /** The host's nonce, once its HELLO is there. */
  nonce: Buffer = Buffer.alloc(0);
  readonly #server: Server;
  readonly #removePath: () => void;
  readonly #greet: ((guest: ScriptedGuest) => void) | undefined;
  #socket: Socket | undefined;
  #onChange: () => void = () => {};

  private constructor(
    server: Server,
    path: string,
    remove: () => void,
    greet: ((guest: ScriptedGuest) => void) | undefined,
  ) {
    this.#server = server;
    this.socketPath = path;
    this.#removePath = remove;
    this.#greet = greet;
  }

  /** @param greet - what to answer HELLO with; a proper WELCOME where it is left out. */
  static async start(greet?: (guest: ScriptedGuest) => void): Promise<ScriptedGuest> {
    const { path, remove } = temporarySocketPath();
    const server = createServer();
    const guest = new ScriptedGuest(server, path, remove, greet);
    server.on("connection", (socket) => guest.#accept(socket));
    server.listen(path);
    await once(server, "listening");
    return guest;
  }

  welcome(
    changes: Readonly<Partial<Record<"maxRequests" | "window" | "version", number>>> & { readonly agent?: string } = {},
  ): Buffer {
    return Buffer.concat([
      SYNC_WORD,
      encodeFieldsFrame(FrameType.WELCOME, 0, [
        { tag: Tag.VERSION, value: changes.version ?? 1 },
        { tag: Tag.NONCE, value: this.nonce },
        { tag: Tag.AGENT, value: changes.agent ?? "scripted" },
        { tag: Tag.MAX_REQUESTS, value: changes.maxRequests ?? 64 },
        { tag: Tag.WINDOW, value: changes.window ?? 65_536 },
      ]),
    ]);
  }

  send(...frames: readonly Uint8Array[]): void {
    this.#socket?.write(Buffer.concat(frames));
  }

  /** Whether the guest's output waits in the socket, as the host does not read. */
  get isHeldBack(): boolean {
    return this.#socket?.writableNeedDrain ?? false;
  }

  result(id: number, status: Status, fields: readonly Field[] = []): void {
    this.send(resultFrame(id, status, fields));
  }

  /** Stops reading what the host sends. */
  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  hangUp(): void {
    this.#socket?.destroy();
  }

  /** Waits until the host has sent `count` frames of the type, and returns them. */
  async seen(type: FrameType, count = 1): Promise<SeenFrame[]> {
    for (;;) {
      const found = this.frames.filter((frame) => frame.type === type);
      if (found.length >= count) return found;
      await new Promise<void>((resolve) => (this.#onChange = resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hangUp();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#removePath();
  }

  #accept(socket: Socket): void {
    this.#socket = socket;
    let isSynced = false;
    const decoder = new FrameDecoder({
      onData: (id, stream, bytes) => this.#see({ type: FrameType.DATA, id, stream, payload: Buffer.from(bytes) }),
      onFrame: (type, id, stream, payload) => this.#see({ type, id, stream, payload: Buffer.from(payload) }),
    });
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      decoder.push(isSynced ? chunk : chunk.subarray(SYNC_WORD.length));
      isSynced = true;
    });
  }

  #see(frame: SeenFrame): void {
    this.frames.push(frame);
    if (frame.type === FrameType.HELLO) {
      this.nonce = Buffer.from(new FieldReader(frame.payload).bytes(Tag.NONCE)!);
      if (this.#greet === undefined) this.send(this.welcome());
      else this.#greet(this);
    }
    this.#onChange();
  }
}

export function resultFrame(id: number, status: Status, fields: readonly Field[] = []): Buffer {
  return encodeFieldsFrame(FrameType.RESULT, id, [{ tag: Tag.STATUS, value: status }, ...fields]);
}

/** The RESULT of a process that exited. */
export function exitFrame(id: number, exitCode = 0): Buffer {
  return resultFrame(id, Status.OK, [
    { tag: Tag.EXIT_CODE, value: exitCode },
    { tag: Tag.DURATION_US, value: 1_000n },
  ]);
}
