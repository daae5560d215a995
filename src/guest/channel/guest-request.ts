import type { ChannelFailure } from "./channel-failure.ts";
import type { FrameWriter, Resumable } from "./frame-writer.ts";
import { GuestInput } from "./guest-input.ts";
import { OutputFlow } from "./output-flow.ts";
import { encodeCreditFrame, encodeEmptyFrame, encodeFieldsFrame } from "../protocol/frame-encoder.ts";
import { type Field, FieldReader } from "../protocol/fields.ts";
import { FrameType, type OutputStream, Stream } from "../protocol/frame-types.ts";
import { protocolViolation } from "../protocol/protocol-violation.ts";
import type { RequestClass } from "./request-queue.ts";
import type { RequestResult } from "./request-result.ts";

/** How long a guest may take to confirm CANCEL before its answer is not waited for any more. */
const CANCEL_CONFIRMATION_MS = 2_000;

/** How a request ended, as data: see `ChannelFailure` for why not as an error. */
export type RequestOutcome =
  | { readonly kind: "result"; readonly result: RequestResult }
  /** The channel ended first. */
  | { readonly kind: "lost"; readonly failure: ChannelFailure }
  /** Cancelled before it was sent, or after and the guest did not confirm in time. */
  | { readonly kind: "withdrawn" | "abandoned" };

/** Takes output as it comes; the bytes are valid during the call. Returns how many count as consumed at once. */
export type OutputConsumer = (bytes: Uint8Array) => number;

/** What a request with streams has beyond a plain one. */
export interface RequestStreams {
  readonly windowBytes: number;
  readonly hasInput: boolean;
  readonly onOutput: OutputConsumer;
  readonly onErrors: OutputConsumer;
  readonly onStarted: (fields: FieldReader) => void;
  readonly onEnd: (stream: OutputStream) => void;
  readonly onExited: (fields: FieldReader) => void;
  readonly onSkipped: (stream: OutputStream, bytes: number) => void;
}

/** What a request needs from the session it runs in. */
export interface RequestHost {
  readonly writer: FrameWriter;
  /** Sends the request as soon as the guest can take it. */
  submit(request: GuestRequest): void;
  /** Removes a request that was not sent yet. */
  withdraw(request: GuestRequest): void;
  /** The request's outcome is known to its caller. */
  settled(): void;
}

/** One request, from the moment it is made until its RESULT. */
export class GuestRequest implements Resumable {
  readonly requestClass: RequestClass;
  /** Encoded when the request is made; the id is filled in when it is sent. */
  readonly frame: Buffer;
  readonly outcome: Promise<RequestOutcome>;
  readonly input: GuestInput | undefined;
  readonly #host: RequestHost;
  readonly #streams: RequestStreams | undefined;
  readonly #outputFlow: OutputFlow;
  readonly #errorsFlow: OutputFlow;
  readonly #settle: (outcome: RequestOutcome) => void;
  #id = 0;
  #isStarted = false;
  #isExited = false;
  #isSubmitted = false;
  #isCancelled = false;
  #isSettled = false;
  #cancelTimer: NodeJS.Timeout | undefined;

  constructor(host: RequestHost, frame: Buffer, requestClass: RequestClass, streams?: RequestStreams) {
    this.#host = host;
    this.#streams = streams;
    this.requestClass = requestClass;
    this.frame = frame;
    this.input = streams?.hasInput === true ? new GuestInput(host.writer) : undefined;
    this.#outputFlow = new OutputFlow(streams?.windowBytes ?? 0);
    this.#errorsFlow = new OutputFlow(streams?.windowBytes ?? 0);
    const { promise, resolve } = Promise.withResolvers<RequestOutcome>();
    this.outcome = promise;
    this.#settle = resolve;
  }

  /** Whether the outcome is known. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Whether the request was sent. */
  get isSent(): boolean {
    return this.#id !== 0;
  }

  /** Hands the request to its session, unless it was cancelled already. */
  submit(): void {
    if (this.#isSettled) return;
    this.#isSubmitted = true;
    this.#host.submit(this);
  }

  /** The session has sent the request under this id. */
  sent(id: number, inputWindowBytes: number): void {
    this.#id = id;
    this.input?.open(id, inputWindowBytes);
  }

  /** Sends a message to what the request has started; does nothing before it is sent and after its end. */
  control(fields: readonly Field[]): void {
    if (!this.isSent || this.#isSettled) return;
    this.#host.writer.send(encodeFieldsFrame(FrameType.CONTROL, this.#id, fields));
  }

  /** Gives up: the guest kills and drops what there is. The outcome follows within two seconds. */
  cancel(): void {
    if (this.#isCancelled || this.#isSettled) return;
    this.#isCancelled = true;
    if (!this.isSent) {
      this.#host.withdraw(this);
      this.settle({ kind: "withdrawn" });
      return;
    }
    this.#host.writer.send(encodeEmptyFrame(FrameType.CANCEL, this.#id));
    // The session itself keeps the process alive as long as somebody waits for it.
    this.#cancelTimer = setTimeout(() => this.settle({ kind: "abandoned" }), CANCEL_CONFIRMATION_MS).unref();
  }

  /** Cancels, and waits for nothing. The guest's place stays taken until it answers. */
  abandon(): void {
    this.cancel();
    this.settle({ kind: "abandoned" });
  }

  /** Ends the request for its caller; only the first call counts. */
  settle(outcome: RequestOutcome): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    clearTimeout(this.#cancelTimer);
    this.input?.close();
    this.#host.writer.forget(this);
    this.#settle(outcome);
    if (this.#isSubmitted) this.#host.settled();
  }

  /** The payload is valid during the call only. */
  receiveStarted(payload: Uint8Array): void {
    if (this.#streams === undefined || this.#isStarted) throw protocolViolation("a STARTED too many");
    this.#isStarted = true;
    this.#streams.onStarted(new FieldReader(Buffer.from(payload)));
  }

  receiveData(stream: OutputStream, bytes: Uint8Array): void {
    this.#flow(stream).receive(bytes.length);
    // What comes behind a CANCEL is dropped without new credit: the guest has no use for it.
    if (this.#streams === undefined || this.#isCancelled || this.#isSettled) return;
    const take = stream === Stream.OUTPUT ? this.#streams.onOutput : this.#streams.onErrors;
    this.release(stream, take(bytes));
  }

  receiveEnd(stream: OutputStream): void {
    this.#flow(stream).end();
    if (!this.#isSettled) this.#streams?.onEnd(stream);
  }

  /** The payload is valid during the call only. */
  receiveExited(payload: Uint8Array): void {
    if (!this.#isStarted || this.#isExited) throw protocolViolation("an EXITED out of place");
    this.#isExited = true;
    if (!this.#isCancelled && !this.#isSettled) this.#streams?.onExited(new FieldReader(Buffer.from(payload)));
  }

  receiveSkipped(stream: OutputStream, bytes: number): void {
    if (!this.#isSettled) this.#streams?.onSkipped(stream, bytes);
  }

  /** The consumer of an output has taken this many bytes. */
  release(stream: OutputStream, bytes: number): void {
    if (bytes > 0 && this.#flow(stream).release(bytes)) this.resume();
  }

  /** Sends the credit that is due, unless the guest does not read: then credit adds up here, not in the socket. */
  resume(): void {
    if (this.#isCancelled || this.#isSettled) return;
    if (!this.#host.writer.isWritable) {
      this.#host.writer.resumeWhenWritable(this);
      return;
    }
    this.#sendCredit(Stream.OUTPUT);
    this.#sendCredit(Stream.ERRORS);
  }

  #sendCredit(stream: OutputStream): void {
    const flow = this.#flow(stream);
    if (flow.isCreditDue) this.#host.writer.send(encodeCreditFrame(this.#id, stream, flow.takeCredit()));
  }

  #flow(stream: OutputStream): OutputFlow {
    return stream === Stream.OUTPUT ? this.#outputFlow : this.#errorsFlow;
  }
}
