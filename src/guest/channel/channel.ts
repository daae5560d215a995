import { ValidationError } from "../../errors/smolvm-error.ts";
import { type ExecOptions, GuestExec } from "../command/guest-exec.ts";
import { clockLagMs, encodeConfigure, type GuestIdentity } from "../identity/configure-request.ts";
import { encodeFreeze, encodeThaw, type FreezeOptions } from "../identity/freeze-request.ts";
import { encodeActivity, type GuestActivity, parseActivity } from "../identity/guest-activity.ts";
import { Method, Tag } from "../protocol/frame-types.ts";
import { type CallOptions, GuestCall } from "./guest-call.ts";
import { openSession, type ConnectOptions } from "./open-session.ts";
import { encodeRequest } from "./request-frame.ts";
import type { RequestResult } from "./request-result.ts";
import type { Session } from "./session.ts";
import type { Traffic, TrafficListener } from "./traffic.ts";

/** By how much a guest's clock may be behind, and how often it is set until it is not. */
const MAX_CLOCK_LAG_MS = 10;
const MAX_CLOCK_TRIES = 4;

/** How to wait for a request's answer. */
export interface RequestOptions {
  /** Cancels the request; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Forever where it is left out. */
  readonly timeoutMs?: number | undefined;
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

  /** What this channel is used for right now; not what other processes use theirs for. */
  get traffic(): Traffic {
    return this.#session.traffic;
  }

  /** Has one listener told of the channel's use. */
  listenToTraffic(listener: TrafficListener): void {
    this.#session.traffic.listen(listener);
  }

  /** Asks the agent for an answer. */
  async ping(options: RequestOptions = {}): Promise<void> {
    await this.request("ping", encodeRequest("a ping", [{ tag: Tag.METHOD, value: Method.PING }], ""), options);
  }

  /** Tells the guest who it is; the time again where it came late, as it does to a guest that has to wait for a processor. */
  async configure(identity: GuestIdentity, options: RequestOptions = {}): Promise<void> {
    let result = await this.request("configure", encodeConfigure(identity), options);
    for (let tries = 1; identity.clockNs === "now" && tries < MAX_CLOCK_TRIES; tries++) {
      if ((clockLagMs(result) ?? 0) <= MAX_CLOCK_LAG_MS) break;
      result = await this.request("configure", encodeConfigure({ clockNs: "now" }), options);
    }
  }

  /** Has the guest get ready for its machine to be paused and copied; resolves when it is. */
  async prepareFreeze(options: RequestOptions & FreezeOptions = {}): Promise<void> {
    await this.request("the preparation of a freeze", encodeFreeze(options), options);
  }

  /** Takes back what `prepareFreeze` did, in the machine that was copied. */
  async thaw(options: RequestOptions = {}): Promise<void> {
    await this.request("a thaw", encodeThaw(), options);
  }

  /** Asks how busy the guest is; it costs the guest next to nothing. */
  async activity(options: RequestOptions = {}): Promise<GuestActivity> {
    return parseActivity(await this.request("activity", encodeActivity(), options));
  }

  /**
   * Starts a command. Throws `ValidationError` at once for what no guest could execute; everything later shows in the
   * promises of the returned object.
   */
  exec(argv: readonly string[], options: ExecOptions = {}): GuestExec {
    return GuestExec.start(this.#session, argv, options);
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
    await this.request("power off", encodeRequest("a power off", fields, ""), options);
  }

  /**
   * Makes a request without streams, and waits for the answer. Cancelled or late, it is given up at once. One that is not
   * answered at once says so by its class, which is "control" by default.
   */
  async request(
    what: string,
    frame: Buffer,
    options: RequestOptions & Partial<Pick<CallOptions, "toError" | "requestClass">> = {},
  ): Promise<RequestResult> {
    const { signal, ...others } = options;
    signal?.throwIfAborted();
    const call = new GuestCall(this.#session, frame, { what, requestClass: "control", ...others });
    const abort = (): void => call.abandon(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await call.wait();
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Makes any other request: one with streams, or one that may last. */
  call(frame: Buffer, options: CallOptions): GuestCall {
    return new GuestCall(this.#session, frame, options);
  }

  /** Attaches to a command by another request than EXEC. */
  attach(command: string, frame: Buffer, options: ExecOptions): GuestExec {
    return new GuestExec(this.#session, command, frame, options);
  }

  /** Closes the channel; what is still open in it ends with `CHANNEL_BROKEN`, and the guest kills its processes. */
  async close(): Promise<void> {
    this.#session.fail({ code: "CHANNEL_BROKEN", message: "the channel was closed by this program" });
    await this.#session.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
