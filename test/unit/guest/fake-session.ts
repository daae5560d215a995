import type { Socket } from "node:net";

import { FieldReader, type Field } from "../../../src/guest/protocol/fields.ts";
import { FrameDecoder, type FrameSink } from "../../../src/guest/protocol/frame-decoder.ts";
import { encodeFieldsFrame } from "../../../src/guest/protocol/frame-encoder.ts";
import { ConfigureFlag, FrameType, Method, Status, Stream, Tag } from "../../../src/guest/protocol/frame-types.ts";
import { SYNC_WORD } from "../../../src/guest/protocol/sync.ts";
import { FakeProcess } from "./fake-process.ts";

/** The agent's side of one connection: finds sync words, greets, and answers requests. */
export class FakeSession implements FrameSink {
  readonly socket: Socket;
  /** What CONFIGURE has set, for tests to look at. */
  readonly configured: Map<number, Buffer> = new Map();
  maxSeenOpen = 0;
  readonly #promises: { readonly maxRequests: number; readonly inputWindowBytes: number };
  readonly #open = new Map<number, FakeProcess>();
  readonly #all: FakeProcess[] = [];
  #decoder: FrameDecoder = new FrameDecoder(this);
  #held: Buffer = Buffer.alloc(0);
  #state: "hunting" | "greeting" | "greeted" = "hunting";
  #env: string[] = [];

  constructor(socket: Socket, promises: { readonly maxRequests: number; readonly inputWindowBytes: number }) {
    this.socket = socket;
    this.#promises = promises;
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", () => {});
    socket.on("close", () => this.#end());
  }

  /** Resolves when no process of this session is left. */
  async gone(): Promise<void> {
    await Promise.all(this.#all.map((process) => process.gone));
  }

  send(type: FrameType, id: number, fields: readonly Field[]): void {
    this.write(encodeFieldsFrame(type, id, fields));
  }

  write(bytes: Uint8Array): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  result(id: number, status: Status, fields: readonly Field[] = []): void {
    this.#open.delete(id);
    this.send(FrameType.RESULT, id, [{ tag: Tag.STATUS, value: status }, ...fields]);
  }

  onData(id: number, stream: Stream, bytes: Uint8Array): void {
    if (stream !== Stream.INPUT) return this.#goAway("a stream that the host may not use");
    if (this.#open.get(id)?.input(Buffer.from(bytes)) === false) this.#goAway("DATA beyond its credit or its END");
  }

  onFrame(type: FrameType, id: number, stream: Stream, payload: Uint8Array): void {
    if (this.#state === "hunting") return;
    const fields = type === FrameType.CREDIT ? undefined : new FieldReader(payload);
    if ((type === FrameType.HELLO) === (this.#state === "greeted")) return this.#goAway("HELLO comes first, and once");
    switch (type) {
      case FrameType.HELLO:
        return this.#greet(fields!);
      case FrameType.REQUEST:
        return this.#request(id, fields!);
      case FrameType.CONTROL:
        return this.#open.get(id)?.kill(fields!.u32(Tag.SIGNAL) ?? 0);
      case FrameType.CANCEL:
        return this.#open.get(id)?.cancel();
      case FrameType.END:
        return this.#open.get(id)?.endInput();
      case FrameType.CREDIT:
        return this.#open.get(id)?.addCredit(stream, Buffer.from(payload).readUInt32BE(0));
      default:
        return this.#goAway("unknown frame type");
    }
  }

  #receive(chunk: Buffer): void {
    const seen = Buffer.concat([this.#held, chunk]);
    const found = seen.lastIndexOf(SYNC_WORD);
    let data = chunk;
    if (found !== -1) {
      this.#end();
      this.#state = "greeting";
      this.#decoder = new FrameDecoder(this);
      data = seen.subarray(found + SYNC_WORD.length);
    }
    // It is passed on all the same: a nonce may end like a sync word begins, and nothing has to follow it.
    const tail = found === -1 ? seen : data;
    this.#held = Buffer.from(tail.subarray(tail.length - lengthOfSyncPrefixAtEnd(tail)));
    if (this.#state === "hunting") return;
    try {
      this.#decoder.push(data);
    } catch (error) {
      this.#goAway(String(error));
    }
  }

  #greet(hello: FieldReader): void {
    this.#state = "greeted";
    this.write(SYNC_WORD);
    this.send(FrameType.WELCOME, 0, [
      { tag: Tag.VERSION, value: 1 },
      { tag: Tag.NONCE, value: Buffer.from(hello.bytes(Tag.NONCE)!) },
      { tag: Tag.AGENT, value: "fake-1" },
      { tag: Tag.MAX_REQUESTS, value: this.#promises.maxRequests },
      { tag: Tag.WINDOW, value: this.#promises.inputWindowBytes },
    ]);
  }

  #request(id: number, fields: FieldReader): void {
    if (this.#open.has(id)) return this.#goAway("an id that is in use");
    if (this.#open.size >= this.#promises.maxRequests) return this.result(id, Status.BUSY);
    switch (fields.u32(Tag.METHOD)) {
      case Method.PING:
        return this.result(id, Status.OK);
      case Method.CONFIGURE:
        return this.#configure(id, fields);
      case Method.EXEC:
        return this.#exec(id, fields);
      case Method.POWEROFF:
        this.result(id, Status.OK);
        this.socket.end();
        return;
      default:
        return this.result(id, Status.UNKNOWN_METHOD);
    }
  }

  #configure(id: number, fields: FieldReader): void {
    const env: string[] = [];
    for (const { tag, value } of fields.entries()) {
      if (tag === Tag.ENV) env.push(value.toString());
      this.configured.set(tag, Buffer.from(value));
    }
    const replaces = ((fields.u32(Tag.FLAGS) ?? 0) & ConfigureFlag.REPLACES_ENV) !== 0;
    if (env.length > 0 || replaces) this.#env = env;
    this.result(id, Status.OK);
  }

  #exec(id: number, fields: FieldReader): void {
    const process = new FakeProcess(this, id, fields, this.#env, this.#promises.inputWindowBytes);
    this.#open.set(id, process);
    this.#all.push(process);
    this.maxSeenOpen = Math.max(this.maxSeenOpen, this.#open.size);
    process.start();
  }

  #goAway(reason: string): void {
    this.#end();
    this.send(FrameType.GOAWAY, 0, [
      { tag: Tag.STATUS, value: Status.PROTOCOL },
      { tag: Tag.MESSAGE, value: reason },
    ]);
  }

  #end(): void {
    this.#state = "hunting";
    for (const process of this.#open.values()) process.drop();
    this.#open.clear();
  }
}

/** How many bytes at the end may be the start of a sync word. */
function lengthOfSyncPrefixAtEnd(data: Buffer): number {
  for (let length = Math.min(data.length, SYNC_WORD.length - 1); length > 0; length -= 1) {
    if (data.subarray(data.length - length).equals(SYNC_WORD.subarray(0, length))) return length;
  }
  return 0;
}
