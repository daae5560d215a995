import { OperationTimeoutError, SmolVMError, ValidationError } from "../../errors/smolvm-error.ts";
import { channelError } from "./channel-failure.ts";
import { checkTimeout } from "./check-timeout.ts";
import type { GuestInput } from "./guest-input.ts";
import { GuestOutput } from "./guest-output.ts";
import { GuestRequest, type OutputConsumer, type RequestHost, type RequestOutcome } from "./guest-request.ts";
import type { FieldReader, Field } from "../protocol/fields.ts";
import { type OutputStream, Status, Stream } from "../protocol/frame-types.ts";
import { type RequestResult, resultError } from "./request-result.ts";
import type { RequestClass } from "./request-queue.ts";

/** What a call is made of. */
export interface CallOptions {
  /** How error messages name the call: `the command "x"`, `reading "/etc/hosts"`. */
  readonly what: string;
  /** Which places of the guest it may take, see `RequestQueue`. */
  readonly requestClass: RequestClass;
  /** Gives the call up; its `result` rejects with the signal's reason once the guest confirms, after 2 s at the latest. */
  readonly signal?: AbortSignal | undefined;
  /** Gives the call up at once, with `OperationTimeoutError`. */
  readonly timeoutMs?: number | undefined;
  /** Credit of each output at the beginning: what the request's WINDOW says. Without it the call has no streams. */
  readonly windowBytes?: number;
  /** Whether the call has an input stream. */
  readonly hasInput?: boolean;
  /** Takes the output as it comes, instead of the `output` stream. The bytes are valid during the call only: copy them. */
  readonly onOutput?: ((bytes: Uint8Array) => void) | undefined;
  /** Takes the errors as they come, instead of the `errors` stream. The bytes are valid during the call only: copy them. */
  readonly onErrors?: ((bytes: Uint8Array) => void) | undefined;
  /** Whether what `onOutput` was given counts as taken only when `release` says so. Default false: at once. */
  readonly isPaced?: boolean;
  /** The guest will send no more of the output; does not come where the call fails first. */
  readonly onOutputEnd?: (() => void) | undefined;
  /** Looks at the fields of STARTED before anyone else; what it throws is a violation of the protocol. */
  readonly onStarted?: (fields: FieldReader) => void;
  /** Hears of an exit whose output is still to come; what it throws is a violation of the protocol. */
  readonly onExited?: (fields: FieldReader) => void;
  /** Bytes of an output that the guest could not keep for a reader this slow. */
  readonly onSkipped?: ((stream: OutputStream, bytes: number) => void) | undefined;
  /** The error of a RESULT that is not OK; `resultError` where it is left out. */
  readonly toError?: (result: RequestResult) => SmolVMError;
}

/**
 * One request to the guest with all that belongs to it: its streams, its start, its result, its cancellation. Commands,
 * files and sockets are built on it.
 */
export class GuestCall {
  readonly #options: CallOptions;
  readonly #request: GuestRequest;
  readonly #output: GuestOutput;
  readonly #errors: GuestOutput;
  #startedFields: FieldReader | undefined;
  #onStarted: (() => void) | undefined;
  #started: Promise<FieldReader> | undefined;
  #result: Promise<RequestResult> | undefined;
  #cancellation: { readonly reason: unknown } | undefined;

  constructor(host: RequestHost, frame: Buffer, options: CallOptions) {
    checkTimeout(options.timeoutMs);
    this.#options = options;
    this.#output = new GuestOutput((bytes) => this.#request.release(Stream.OUTPUT, bytes));
    this.#errors = new GuestOutput((bytes) => this.#request.release(Stream.ERRORS, bytes));
    const { windowBytes, requestClass } = options;
    const streams =
      windowBytes === undefined
        ? undefined
        : {
            windowBytes,
            hasInput: options.hasInput === true,
            onOutput: this.#consumer(this.#output, options.onOutput, options.isPaced === true),
            onErrors: this.#consumer(this.#errors, options.onErrors, false),
            onStarted: (fields: FieldReader): void => {
              options.onStarted?.(fields);
              this.#startedFields = fields;
              this.#onStarted?.();
            },
            onEnd: (stream: OutputStream): void => {
              this.#stream(stream).end();
              if (stream === Stream.OUTPUT) options.onOutputEnd?.();
            },
            onExited: (fields: FieldReader): void => options.onExited?.(fields),
            onSkipped: (stream: OutputStream, bytes: number): void => options.onSkipped?.(stream, bytes),
          };
    this.#request = new GuestRequest(host, frame, requestClass, streams);
    if (options.signal !== undefined) this.#obey(options.signal);
    if (options.timeoutMs !== undefined) this.#expireAfter(options.timeoutMs);
    this.#request.submit();
    if (streams !== undefined) void this.#request.outcome.then((outcome) => this.#endOutputs(outcome));
  }

  /** Resolves with the fields of STARTED; rejects like `result` where the call fails before. */
  get started(): Promise<FieldReader> {
    this.#started ??= handled(this.#waitForStart());
    return this.#started;
  }

  /** Stream 1 of the guest; ended and empty where `onOutput` takes it. */
  get output(): GuestOutput {
    return this.#output;
  }

  /** Stream 2 of the guest; ended and empty where `onErrors` takes it. */
  get errors(): GuestOutput {
    return this.#errors;
  }

  /** Stream 0, to the guest; throws where the call has none. */
  get input(): GuestInput {
    if (this.#request.input !== undefined) return this.#request.input;
    throw new ValidationError("INVALID_OPTION", `${this.#options.what} has no input stream`, {
      hint: "Start it with an input stream.",
    });
  }

  /** The fields of an OK. Whoever does not look at it is not bothered by its rejection; `wait()` is without this mercy. */
  get result(): Promise<RequestResult> {
    this.#result ??= handled(this.wait());
    return this.#result;
  }

  /** Waits for the end. Unlike `result`, each call makes its own promise, so that an error's stack names the caller. */
  async wait(): Promise<RequestResult> {
    const outcome = await this.#request.outcome;
    if (this.#cancellation !== undefined) throw this.#cancellation.reason;
    if (outcome.kind === "result" && outcome.result.status === Status.OK) return outcome.result;
    throw this.#error(outcome);
  }

  /** Whether the request has been sent to the guest; before, it waits for its turn. */
  get isSent(): boolean {
    return this.#request.isSent;
  }

  /** Whether the call has ended. */
  get isSettled(): boolean {
    return this.#request.isSettled;
  }

  /** Sends a message to what the call has started; does nothing before it is sent and after its end. */
  control(fields: readonly Field[]): void {
    this.#request.control(fields);
  }

  /** Has the guest give up and drop what it has for the call; `result` then rejects with the reason. */
  cancel(reason: unknown = new DOMException("The operation was aborted", "AbortError")): void {
    if (this.#request.isSettled) return;
    this.#cancellation ??= { reason };
    this.#request.cancel();
  }

  /** Of a paced call: this many bytes of the output are taken, and the guest may send as many again. */
  release(bytes: number): void {
    this.#request.release(Stream.OUTPUT, bytes);
  }

  /** Like `cancel`, but waits for no confirmation. */
  abandon(reason: unknown): void {
    if (this.#request.isSettled) return;
    this.#cancellation ??= { reason };
    this.#request.abandon();
  }

  #stream(stream: OutputStream): GuestOutput {
    return stream === Stream.OUTPUT ? this.#output : this.#errors;
  }

  #consumer(
    output: GuestOutput,
    callback: ((bytes: Uint8Array) => void) | undefined,
    isPaced: boolean,
  ): OutputConsumer {
    if (callback === undefined) return (bytes) => output.receive(bytes);
    output.end();
    return (bytes) => {
      try {
        callback(bytes);
      } catch (error) {
        // The caller's mistake ends the caller's call, not the channel that others use.
        this.cancel(error);
      }
      return isPaced ? 0 : bytes.length;
    };
  }

  #obey(signal: AbortSignal): void {
    const abort = (): void => this.cancel(signal.reason);
    if (signal.aborted) abort();
    else {
      signal.addEventListener("abort", abort, { once: true });
      void this.#request.outcome.then(() => signal.removeEventListener("abort", abort));
    }
  }

  #expireAfter(timeoutMs: number): void {
    const expire = (): void =>
      this.abandon(new OperationTimeoutError(`${this.#options.what} took longer than ${timeoutMs} ms`));
    const timer = setTimeout(expire, timeoutMs);
    void this.#request.outcome.then(() => clearTimeout(timer));
  }

  #endOutputs(outcome: RequestOutcome): void {
    const isComplete =
      outcome.kind === "result" && outcome.result.status === Status.OK && this.#cancellation === undefined;
    const failure = isComplete ? undefined : (): unknown => this.#cancellation?.reason ?? this.#error(outcome);
    this.#output.end(failure);
    this.#errors.end(failure);
  }

  async #waitForStart(): Promise<FieldReader> {
    if (this.#startedFields === undefined) {
      const started = new Promise<void>((resolve) => (this.#onStarted = resolve));
      await Promise.race([started, this.#request.outcome]);
    }
    if (this.#startedFields !== undefined) return this.#startedFields;
    await this.wait();
    throw new SmolVMError("PROTOCOL_ERROR", `the guest ended ${this.#options.what} without having started it`);
  }

  #error(outcome: RequestOutcome): SmolVMError {
    const { what, toError } = this.#options;
    if (outcome.kind === "lost") return channelError(outcome.failure, what);
    if (outcome.kind === "result") return toError?.(outcome.result) ?? resultError(what, outcome.result, {});
    return new SmolVMError("CHANNEL_BROKEN", `${what} was given up, and the guest did not confirm it`);
  }
}

/** Marks a rejection as looked at: the same failure reaches whoever awaits one of the call's other promises. */
function handled<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {});
  return promise;
}
