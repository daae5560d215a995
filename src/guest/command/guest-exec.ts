import { SmolVMError, ValidationError } from "../../errors/smolvm-error.ts";
import { channelError } from "../channel/channel-failure.ts";
import { encodeExec, type ExecEnvironment } from "./exec-request.ts";
import type { GuestInput } from "../channel/guest-input.ts";
import { GuestOutput } from "../channel/guest-output.ts";
import { GuestRequest, type OutputConsumer, type RequestHost, type RequestOutcome } from "../channel/guest-request.ts";
import { isLinuxSignal, linuxSignalName, linuxSignalNumber } from "./linux-signals.ts";
import { DEFAULT_WINDOW_BYTES, type OutputStream, Status, Stream } from "../protocol/frame-types.ts";
import { type RequestResult, resultError } from "../channel/request-result.ts";

/** How a command is executed and its output taken. */
export interface ExecOptions extends ExecEnvironment {
  /** Kills the command; its `result` rejects with the signal's reason once the guest confirms, after 2 s at the latest. */
  readonly signal?: AbortSignal;
  /** Takes stdout as it comes, instead of the `stdout` stream. The bytes are valid during the call only: copy them. */
  readonly onStdout?: (bytes: Uint8Array) => void;
  /** Takes stderr as it comes, instead of the `stderr` stream. The bytes are valid during the call only: copy them. */
  readonly onStderr?: (bytes: Uint8Array) => void;
}

/** How a command ended. */
export interface ExecResult {
  /** Null for a command that a signal ended. */
  readonly exitCode: number | null;
  /** The signal that ended it; null for an exit, and for real-time signals, which have no names. */
  readonly signal: NodeJS.Signals | null;
  /** Linux number of the signal that ended it, or null. */
  readonly signalNumber: number | null;
  /** From the start of the process to its exit, by the guest's clock. */
  readonly durationMs: number;
}

/** A command in the guest, while it runs and after. Made by `GuestChannel.exec`. */
export class GuestExec {
  readonly #command: string;
  readonly #cwd: string | undefined;
  readonly #request: GuestRequest;
  readonly #stdout: GuestOutput;
  readonly #stderr: GuestOutput;
  #pid: number | undefined;
  #onStarted: (() => void) | undefined;
  #started: Promise<{ readonly pid: number }> | undefined;
  #result: Promise<ExecResult> | undefined;
  #cancellation: { readonly reason: unknown } | undefined;

  /** @internal */
  constructor(host: RequestHost, argv: readonly string[], options: ExecOptions) {
    const frame = encodeExec(argv, options);
    this.#command = argv[0] ?? "";
    this.#cwd = options.cwd;
    this.#stdout = new GuestOutput((bytes) => this.#request.release(Stream.OUTPUT, bytes));
    this.#stderr = new GuestOutput((bytes) => this.#request.release(Stream.ERRORS, bytes));
    this.#request = new GuestRequest(host, frame, {
      windowBytes: options.windowBytes ?? DEFAULT_WINDOW_BYTES,
      hasInput: options.stdin === true,
      onOutput: this.#consumer(this.#stdout, options.onStdout),
      onErrors: this.#consumer(this.#stderr, options.onStderr),
      onStarted: (pid) => {
        this.#pid = pid;
        this.#onStarted?.();
      },
      onEnd: (stream) => this.#output(stream).end(),
    });
    if (options.signal !== undefined) this.#obey(options.signal);
    this.#request.submit();
    void this.#request.outcome.then((outcome) => this.#endOutputs(outcome));
  }

  /** Resolves when the guest has started the process; rejects like `result` where it cannot. */
  get started(): Promise<{ readonly pid: number }> {
    this.#started ??= handled(this.#waitForStart());
    return this.#started;
  }

  /** What the command writes to stdout; ended and empty where `onStdout` takes it. */
  get stdout(): GuestOutput {
    return this.#stdout;
  }

  /** What the command writes to stderr; ended and empty where `onStderr` takes it. */
  get stderr(): GuestOutput {
    return this.#stderr;
  }

  /** The command's input; throws where it was started without `stdin: true`. */
  get stdin(): GuestInput {
    if (this.#request.input !== undefined) return this.#request.input;
    throw new ValidationError("INVALID_OPTION", "the command has no input stream", {
      hint: "Start it with `stdin: true`.",
    });
  }

  /**
   * How the command ended. Rejects with `GUEST_ERROR` where it cannot be started (`details.status` says why),
   * `INVALID_PATH` for a working directory that does not exist, `CHANNEL_BROKEN`, or the reason of its cancellation.
   * Whoever does not look at it is not bothered by its rejection; `wait()` is the same without this mercy.
   */
  get result(): Promise<ExecResult> {
    this.#result ??= handled(this.wait());
    return this.#result;
  }

  /** Waits for the end. Unlike `result`, each call makes its own promise, so that an error's stack names the caller. */
  async wait(): Promise<ExecResult> {
    const outcome = await this.#request.outcome;
    if (this.#cancellation !== undefined) throw this.#cancellation.reason;
    if (outcome.kind === "result" && outcome.result.status === Status.OK) return this.#parse(outcome.result);
    throw this.#error(outcome);
  }

  /** Whether the command has been sent to the guest; before, it waits for its turn. */
  get isSent(): boolean {
    return this.#request.isSent;
  }

  /** Sends a signal to the command's process group; does nothing once the command has ended. */
  signal(signal: NodeJS.Signals | number): void {
    const number = linuxSignalNumber(signal);
    if (number === undefined)
      throw new ValidationError("INVALID_OPTION", `Linux has no signal ${JSON.stringify(signal)}`);
    this.#request.signal(number);
  }

  /** Kills the command and drops its output; `result` then rejects with the reason. */
  cancel(reason: unknown = new DOMException("The command was cancelled", "AbortError")): void {
    if (this.#request.isSettled) return;
    this.#cancellation ??= { reason };
    this.#request.cancel();
  }

  /** Like `cancel`, but waits for no confirmation. */
  abandon(reason: unknown): void {
    if (this.#request.isSettled) return;
    this.#cancellation ??= { reason };
    this.#request.abandon();
  }

  #output(stream: OutputStream): GuestOutput {
    return stream === Stream.OUTPUT ? this.#stdout : this.#stderr;
  }

  #consumer(output: GuestOutput, callback: ((bytes: Uint8Array) => void) | undefined): OutputConsumer {
    if (callback === undefined) return (bytes) => output.receive(bytes);
    output.end();
    return (bytes) => {
      try {
        callback(bytes);
      } catch (error) {
        // The caller's mistake ends the caller's command, not the channel that others use.
        this.cancel(error);
      }
      return bytes.length;
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

  #endOutputs(outcome: RequestOutcome): void {
    const isComplete = outcome.kind === "result" && this.#cancellation === undefined;
    const failure = isComplete ? undefined : (): unknown => this.#cancellation?.reason ?? this.#error(outcome);
    this.#stdout.end(failure);
    this.#stderr.end(failure);
  }

  async #waitForStart(): Promise<{ readonly pid: number }> {
    if (this.#pid === undefined) {
      const started = new Promise<void>((resolve) => (this.#onStarted = resolve));
      await Promise.race([started, this.#request.outcome]);
    }
    if (this.#pid !== undefined) return { pid: this.#pid };
    await this.wait();
    throw new SmolVMError("PROTOCOL_ERROR", "the guest ended a command that it had not started");
  }

  #parse(result: RequestResult): ExecResult {
    const { exitCode, signalNumber, durationUs } = result;
    const durationMs = Number(durationUs ?? 0n) / 1_000;
    if (signalNumber !== undefined && isLinuxSignal(signalNumber)) {
      return { exitCode: null, signal: linuxSignalName(signalNumber), signalNumber, durationMs };
    }
    if (exitCode === undefined || exitCode > 255) {
      throw new SmolVMError("PROTOCOL_ERROR", `the guest does not say how the command ${this.#command} ended`);
    }
    return { exitCode, signal: null, signalNumber: null, durationMs };
  }

  #error(outcome: RequestOutcome): SmolVMError {
    const what = `the command ${JSON.stringify(this.#command)}`;
    if (outcome.kind === "lost") return channelError(outcome.failure, what);
    if (outcome.kind === "result") {
      return resultError(what, outcome.result, {
        command: this.#command,
        ...(this.#cwd === undefined ? {} : { cwd: this.#cwd }),
      });
    }
    return new SmolVMError("CHANNEL_BROKEN", `${what} was given up, and the guest did not confirm it`);
  }
}

/** Marks a rejection as looked at: the same failure reaches whoever awaits one of the command's other promises. */
function handled<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {});
  return promise;
}
