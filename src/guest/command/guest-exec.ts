import { type SmolVMError, ValidationError } from "../../errors/smolvm-error.ts";
import { GuestCall } from "../channel/guest-call.ts";
import type { GuestInput } from "../channel/guest-input.ts";
import type { GuestOutput } from "../channel/guest-output.ts";
import type { RequestHost } from "../channel/guest-request.ts";
import type { RequestResult } from "../channel/request-result.ts";
import type { FieldReader } from "../protocol/fields.ts";
import { DEFAULT_WINDOW_BYTES, type OutputStream, Tag } from "../protocol/frame-types.ts";
import { protocolViolation } from "../protocol/protocol-violation.ts";
import { execError } from "./exec-error.ts";
import { encodeExec, type ExecEnvironment } from "./exec-request.ts";
import { type ExecResult, parseExit } from "./exec-result.ts";
import { linuxSignalNumber } from "./linux-signals.ts";
import { type TerminalSize, terminalSizeFields } from "./terminal-size.ts";

/** How a command is executed and its output taken. */
export interface ExecOptions extends ExecEnvironment {
  /** Kills the command; its `result` rejects with the signal's reason once the guest confirms, after 2 s at the latest. */
  readonly signal?: AbortSignal | undefined;
  /** Takes stdout as it comes, instead of the `stdout` stream. The bytes are valid during the call only: copy them. */
  readonly onStdout?: ((bytes: Uint8Array) => void) | undefined;
  /** Takes stderr as it comes, instead of the `stderr` stream. The bytes are valid during the call only: copy them. */
  readonly onStderr?: ((bytes: Uint8Array) => void) | undefined;
  /** Of a detached command: bytes that it wrote faster than they were read here, and that the guest did not keep. */
  readonly onSkipped?: ((stream: OutputStream, bytes: number) => void) | undefined;
  /** The error of a command that the guest does not start. */
  readonly toError?: (result: RequestResult) => SmolVMError;
}

/** What the guest says of a command that it has started. */
export interface StartedCommand {
  readonly pid: number;
  /** Number of a detached process. */
  readonly processNumber: number | undefined;
}

/** A command in the guest, while it runs and after. */
export class GuestExec {
  readonly #call: GuestCall;
  readonly #command: string;
  /** Whether the command has an input stream. */
  readonly hasStdin: boolean;
  #started: Promise<StartedCommand> | undefined;
  #result: Promise<ExecResult> | undefined;
  #exited: Promise<ExecResult> | undefined;
  readonly #announced: PromiseWithResolvers<ExecResult> = Promise.withResolvers();

  /** @param frame - an EXEC, or a PROCESS_ATTACH. */
  constructor(host: RequestHost, command: string, frame: Buffer, options: ExecOptions) {
    this.#command = command;
    this.hasStdin = options.stdin === true;
    const what = `the command ${JSON.stringify(command)}`;
    this.#call = new GuestCall(host, frame, {
      what,
      requestClass: "command",
      signal: options.signal,
      windowBytes: options.windowBytes ?? DEFAULT_WINDOW_BYTES,
      hasInput: options.stdin === true,
      onOutput: options.onStdout,
      onErrors: options.onStderr,
      onSkipped: options.onSkipped,
      onStarted: (fields) => void parseStarted(fields),
      onExited: (fields) => this.#announced.resolve(parseExit(command, fields)),
      toError: options.toError ?? ((result) => execError([command], options, result)),
    });
  }

  /** Checks a command and starts it; throws `ValidationError` before anything is sent. */
  static start(host: RequestHost, argv: readonly string[], options: ExecOptions): GuestExec {
    const toError = (result: RequestResult): SmolVMError => execError(argv, options, result);
    return new GuestExec(host, argv[0] ?? "", encodeExec(argv, options), { toError, ...options });
  }

  /** Resolves when the guest has started the process; rejects like `result` where it cannot. */
  get started(): Promise<StartedCommand> {
    this.#started ??= handled(this.#waitForStart());
    return this.#started;
  }

  /** What the command writes to stdout; ended and empty where `onStdout` takes it. */
  get stdout(): GuestOutput {
    return this.#call.output;
  }

  /** What the command writes to stderr; ended and empty where `onStderr` takes it. */
  get stderr(): GuestOutput {
    return this.#call.errors;
  }

  /** The command's input; throws where it was started without one. */
  get stdin(): GuestInput {
    return this.#call.input;
  }

  /**
   * How the command ended. Rejects with `COMMAND_NOT_FOUND`, `COMMAND_NOT_EXECUTABLE`, `UNKNOWN_USER`, `INVALID_PATH` (a working
   * directory that cannot be entered) or `GUEST_ERROR` where it cannot be started, with `CHANNEL_BROKEN`, or with the reason
   * of its cancellation.
   * Whoever does not look at it is not bothered by its rejection; `wait()` is the same without this mercy.
   */
  get result(): Promise<ExecResult> {
    this.#result ??= handled(this.wait());
    return this.#result;
  }

  /** Like `result`, but resolves as soon as the process has ended, whether its output was read or not. */
  get exited(): Promise<ExecResult> {
    this.#exited ??= handled(Promise.race([this.#announced.promise, this.wait()]));
    return this.#exited;
  }

  /** Waits for the end. Unlike `result`, each call makes its own promise, so that an error's stack names the caller. */
  async wait(): Promise<ExecResult> {
    return parseExit(this.#command, (await this.#call.wait()).fields);
  }

  /** Whether the command has been sent to the guest; before, it waits for its turn. */
  get isSent(): boolean {
    return this.#call.isSent;
  }

  /** Sends a signal to the command's process group; does nothing once the command has ended. */
  signal(signal: NodeJS.Signals | number): void {
    const number = linuxSignalNumber(signal);
    if (number === undefined)
      throw new ValidationError("INVALID_OPTION", `Linux has no signal ${JSON.stringify(signal)}`);
    this.#call.control([{ tag: Tag.SIGNAL, value: number }]);
  }

  /** Changes the size of the command's terminal; does nothing for a command without one. */
  resize(size: TerminalSize): void {
    this.#call.control(terminalSizeFields(size));
  }

  /** Kills the command (lets go of a detached one) and drops its output; `result` then rejects with the reason. */
  cancel(reason?: unknown): void {
    this.#call.cancel(reason ?? new DOMException("The command was cancelled", "AbortError"));
  }

  /** Like `cancel`, but waits for no confirmation. */
  abandon(reason: unknown): void {
    this.#call.abandon(reason);
  }

  async #waitForStart(): Promise<StartedCommand> {
    return parseStarted(await this.#call.started);
  }
}

function parseStarted(fields: FieldReader): StartedCommand {
  const pid = fields.u32(Tag.PID);
  if (pid === undefined) throw protocolViolation("a STARTED has no PID");
  return { pid, processNumber: fields.u32(Tag.PROCESS) };
}

/** Marks a rejection as looked at: the same failure reaches whoever awaits one of the command's other promises. */
function handled<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {});
  return promise;
}
