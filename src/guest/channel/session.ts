import { SmolVMError } from "../../errors/smolvm-error.ts";
import type { ChannelFailure } from "./channel-failure.ts";
import { FrameWriter } from "./frame-writer.ts";
import type { GuestRequest, RequestHost } from "./guest-request.ts";
import { cleanGuestText } from "./guest-text.ts";
import { FieldReader } from "../protocol/fields.ts";
import { FrameDecoder, type FrameSink } from "../protocol/frame-decoder.ts";
import { setFrameId } from "../protocol/frame-encoder.ts";
import {
  FrameType,
  MAX_REQUEST_ID,
  type OutputStream,
  Status,
  statusName,
  Stream,
  Tag,
} from "../protocol/frame-types.ts";
import { protocolViolation } from "../protocol/protocol-violation.ts";
import { RequestQueue } from "./request-queue.ts";
import { parseResult } from "./request-result.ts";
import type { SocketLink } from "./socket-link.ts";
import { TrafficCounter } from "./traffic.ts";
import type { Welcome } from "./welcome.ts";

/** A session with one guest agent: sends requests, and hands what comes back to the request it belongs to. */
export class Session implements FrameSink, RequestHost {
  readonly writer: FrameWriter;
  readonly welcome: Welcome;
  readonly traffic: TrafficCounter = new TrafficCounter();
  readonly #link: SocketLink;
  readonly #decoder: FrameDecoder = new FrameDecoder(this);
  readonly #queue: RequestQueue<GuestRequest>;
  readonly #open = new Map<number, GuestRequest>();
  #lastId = 0;
  #failure: ChannelFailure | undefined;

  constructor(link: SocketLink, welcome: Welcome) {
    this.#link = link;
    this.welcome = welcome;
    this.writer = new FrameWriter(link.socket);
    this.#queue = new RequestQueue(welcome.maxRequests);
    link.onBytes = (bytes) => this.receive(bytes);
    link.onHangUp = (cause) =>
      this.fail({
        code: "CHANNEL_BROKEN",
        message:
          cause === undefined ? "the channel to the guest hung up" : `the channel to the guest broke: ${cause.message}`,
        cause,
      });
    // A channel that nobody waits for must not keep the program from ending.
    link.socket.unref();
  }

  /** Why the session is over, or undefined while it lasts. */
  get failure(): ChannelFailure | undefined {
    return this.#failure;
  }

  /** Settles when the socket is closed; never rejects. */
  get closed(): Promise<void> {
    return this.#link.closed;
  }

  submit(request: GuestRequest): void {
    if (this.#failure === undefined) {
      this.#queue.add(request);
      this.#sendNext();
    }
    if (this.traffic.begin()) this.#link.socket.ref();
    if (this.#failure !== undefined) request.settle({ kind: "lost", failure: this.#failure });
  }

  withdraw(request: GuestRequest): void {
    this.#queue.withdraw(request);
  }

  settled(): void {
    if (this.traffic.end()) this.#link.socket.unref();
  }

  /** Takes the next bytes of the guest. */
  receive(bytes: Uint8Array): void {
    try {
      this.#decoder.push(bytes);
    } catch (error) {
      const message = error instanceof SmolVMError ? error.message : String(error);
      this.fail({ code: "PROTOCOL_ERROR", message: `the guest broke the protocol: ${message}`, cause: error });
    }
  }

  /** Ends the session and all of its requests; only the first failure counts. */
  fail(failure: ChannelFailure): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    this.#link.destroy();
    this.writer.close();
    const cutOff = [...this.#open.values(), ...this.#queue.takeAll()];
    this.#open.clear();
    for (const request of cutOff) request.settle({ kind: "lost", failure });
  }

  onData(id: number, stream: Stream, bytes: Uint8Array): void {
    this.#open.get(id)?.receiveData(outputStream(stream), bytes);
  }

  onFrame(type: FrameType, id: number, stream: Stream, payload: Uint8Array): void {
    // Requests that are not open are not an error: their frames have crossed a CANCEL or an END on the way.
    const request = this.#open.get(id);
    switch (type) {
      case FrameType.END:
        request?.receiveEnd(outputStream(stream));
        break;
      case FrameType.CREDIT:
        if (stream !== Stream.INPUT) throw protocolViolation("the guest gave credit for an output");
        request?.input?.addCredit(Buffer.from(payload.buffer, payload.byteOffset, 4).readUInt32BE(0));
        break;
      case FrameType.STARTED:
        request?.receiveStarted(payload);
        break;
      case FrameType.EXITED:
        request?.receiveExited(payload);
        break;
      case FrameType.SKIPPED: {
        const fields = new FieldReader(payload);
        const skipped = fields.u32(Tag.STREAM);
        if (skipped !== Stream.OUTPUT && skipped !== Stream.ERRORS)
          throw protocolViolation("a SKIPPED names no output");
        request?.receiveSkipped(skipped, Number(fields.u64(Tag.SKIPPED) ?? 0n));
        break;
      }
      case FrameType.RESULT:
        if (request !== undefined) this.#finish(id, request, payload);
        break;
      case FrameType.GOAWAY:
        this.#goAway(payload);
        break;
      default:
        throw protocolViolation(`the guest sent a frame of type ${type}, which only a host sends`);
    }
  }

  #finish(id: number, request: GuestRequest, payload: Uint8Array): void {
    const result = parseResult(payload);
    this.#open.delete(id);
    this.#queue.release(request);
    request.settle({ kind: "result", result });
    this.#sendNext();
  }

  #goAway(payload: Uint8Array): void {
    const fields = new FieldReader(payload);
    const reason = cleanGuestText(fields.text(Tag.MESSAGE) ?? "");
    const status = statusName(fields.u32(Tag.STATUS) ?? Status.PROTOCOL);
    this.fail({ code: "PROTOCOL_ERROR", message: `the guest ended the session with ${status}: ${reason}` });
  }

  #sendNext(): void {
    for (let request = this.#queue.takeNext(); request !== undefined; request = this.#queue.takeNext()) {
      const id = this.#unusedId();
      this.#open.set(id, request);
      setFrameId(request.frame, id);
      this.writer.send(request.frame);
      request.sent(id, this.welcome.inputWindowBytes);
    }
  }

  #unusedId(): number {
    do this.#lastId = this.#lastId === MAX_REQUEST_ID ? 1 : this.#lastId + 1;
    while (this.#open.has(this.#lastId));
    return this.#lastId;
  }
}

function outputStream(stream: Stream): OutputStream {
  if (stream === Stream.INPUT) throw protocolViolation("the guest sent on an input stream");
  return stream;
}
