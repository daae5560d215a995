import { OperationTimeoutError, SmolVMError, ValidationError } from "../../errors/smolvm-error.ts";
import { channelError } from "./channel-failure.ts";
import { checkTimeout } from "./check-timeout.ts";
import { encodeConfigure, type GuestIdentity } from "../identity/configure-request.ts";
import { GuestExec, type ExecOptions } from "../command/guest-exec.ts";
import { GuestRequest } from "./guest-request.ts";
import { openSession, type ConnectOptions } from "./open-session.ts";
import { Method, Status, Tag } from "../protocol/frame-types.ts";
import { encodeRequest } from "./request-frame.ts";
import { resultError } from "./request-result.ts";
import type { Session } from "./session.ts";

/** How to wait for a request's answer. */
export interface RequestOptions {
  /** Cancels the request; it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Forever where it is left out. */
  readonly timeoutMs?: number;
}

/**
 * One connection to a guest agent. Any number of requests share it; those beyond what the guest takes at once wait in
 * order. An open channel without requests does not keep the program from ending.
 *
 * @example
 * ```ts no-check
 * await using channel = await GuestChannel.connect(socketPath, { timeoutMs: 30_000 });
 * const { exitCode, stdout } = await runCommand(channel, "uname -a");
 * ```
 */
export class GuestChannel implements AsyncDisposable {
  readonly #session: Session;

  private constructor(session: Session) {
    this.#session = session;
  }

  /**
   * Connects to the guest agent behind a Unix socket and waits until it answers. A guest that still boots finds the
   * greeting when it is ready: nothing is polled or repeated.
   *
   * Throws `OperationTimeoutError`, `CHANNEL_BROKEN` where the socket is refused or hangs up, `PROTOCOL_ERROR` where
   * the answer makes no sense, or the signal's reason.
   */
  static async connect(socketPath: string, options: ConnectOptions = {}): Promise<GuestChannel> {
    return new GuestChannel(await openSession(socketPath, options));
  }

  /** The agent's version, as it says itself: at most 64 characters, none of them a control character. */
  get agentVersion(): string {
    return this.#session.welcome.agentVersion;
  }

  /** Whether requests can be made. */
  get isOpen(): boolean {
    return this.#session.failure === undefined;
  }

  /** Resolves when the channel is closed, from whichever side; never rejects. Does not keep the program alive. */
  get closed(): Promise<void> {
    return this.#session.closed;
  }

  /** Asks the agent for an answer. */
  ping(options: RequestOptions = {}): Promise<void> {
    return this.#call("ping", encodeRequest("a ping", [{ tag: Tag.METHOD, value: Method.PING }], ""), options);
  }

  /** Tells the guest who it is. */
  async configure(identity: GuestIdentity, options: RequestOptions = {}): Promise<void> {
    await this.#call("configure", encodeConfigure(identity), options);
  }

  /**
   * Starts a command. Throws `ValidationError` at once for what no guest could execute; everything later shows in the
   * promises of the returned object.
   */
  exec(argv: readonly string[], options: ExecOptions = {}): GuestExec {
    return new GuestExec(this.#session, argv, options);
  }

  /**
   * Has the guest end its processes, for which they have `graceMs`, and power off. Resolves when the guest has begun;
   * the end itself is the channel's hang-up and the VMM's exit.
   */
  async powerOff(options: RequestOptions & { readonly graceMs: number }): Promise<void> {
    const { graceMs } = options;
    if (!Number.isInteger(graceMs) || graceMs < 0 || graceMs > 0xffff_ffff) {
      throw new ValidationError(
        "INVALID_OPTION",
        `graceMs is ${graceMs}: expected a whole number of milliseconds, 0 or more`,
      );
    }
    const fields = [
      { tag: Tag.METHOD, value: Method.POWEROFF },
      { tag: Tag.GRACE_MS, value: graceMs },
    ];
    await this.#call("power off", encodeRequest("a power off", fields, ""), options);
  }

  /** Closes the channel; what is still open in it ends with `CHANNEL_BROKEN`, and the guest kills its processes. */
  async close(): Promise<void> {
    this.#session.fail({ code: "CHANNEL_BROKEN", message: "the channel was closed by this program" });
    await this.#session.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #call(what: string, frame: Buffer, options: RequestOptions): Promise<void> {
    const { signal, timeoutMs } = options;
    checkTimeout(timeoutMs);
    signal?.throwIfAborted();
    const request = new GuestRequest(this.#session, frame);
    let isTimeout = false;
    const abort = (): void => request.abandon();
    const expire = (): void => {
      isTimeout = !request.isSettled;
      request.abandon();
    };
    const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs);
    signal?.addEventListener("abort", abort, { once: true });
    request.submit();
    const outcome = await request.outcome;
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);

    if (outcome.kind === "lost") throw channelError(outcome.failure, what);
    if (outcome.kind === "result") {
      if (outcome.result.status === Status.OK) return;
      throw resultError(what, outcome.result, {});
    }
    if (isTimeout) throw new OperationTimeoutError(`the guest did not answer "${what}" within ${timeoutMs} ms`);
    if (signal?.aborted === true) throw signal.reason;
    throw new SmolVMError("CHANNEL_BROKEN", `${what} was given up`);
  }
}
