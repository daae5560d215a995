import { randomBytes } from "node:crypto";

import { OperationTimeoutError, SmolVMError } from "../../errors/smolvm-error.ts";
import { channelError, type ChannelFailure } from "./channel-failure.ts";
import { checkTimeout } from "./check-timeout.ts";
import { cleanGuestText } from "./guest-text.ts";
import { NONCE_BYTES, FrameType, Status, statusName, Tag } from "../protocol/frame-types.ts";
import { encodeHello, GreetingHunter, type Greeting } from "../protocol/sync.ts";
import { Session } from "./session.ts";
import { SocketLink } from "./socket-link.ts";
import { parseWelcome } from "./welcome.ts";

/** How to wait for a channel. */
export interface ConnectOptions {
  /** Gives up with the signal's reason. */
  readonly signal?: AbortSignal;
  /** How long the guest may take to answer; forever where it is left out. */
  readonly timeoutMs?: number;
}

type Opening =
  | { readonly kind: "open"; readonly session: Session }
  | { readonly kind: "failed"; readonly failure: ChannelFailure }
  | { readonly kind: "aborted" | "timeout" };

/** Connects and begins a session. Sends HELLO at once: where the guest still boots, the bytes wait for it in the VMM. */
export async function openSession(socketPath: string, options: ConnectOptions): Promise<Session> {
  checkTimeout(options.timeoutMs);
  options.signal?.throwIfAborted();
  const what = `connecting to the guest agent at ${JSON.stringify(socketPath)}`;
  const opening = await handshake(socketPath, options);
  switch (opening.kind) {
    case "open":
      return opening.session;
    case "failed":
      throw channelError(opening.failure, what);
    case "timeout":
      throw new OperationTimeoutError(`${what} took longer than ${options.timeoutMs} ms`, { details: { socketPath } });
    case "aborted":
      throw options.signal?.reason;
  }
}

function handshake(socketPath: string, options: ConnectOptions): Promise<Opening> {
  const link = new SocketLink(socketPath);
  const { promise, resolve } = Promise.withResolvers<Opening>();
  const finish = (opening: Opening): void => {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", abort);
    if (opening.kind !== "open") link.destroy();
    resolve(opening);
  };
  const abort = (): void => finish({ kind: "aborted" });
  const timer =
    options.timeoutMs === undefined ? undefined : setTimeout(() => finish({ kind: "timeout" }), options.timeoutMs);
  options.signal?.addEventListener("abort", abort, { once: true });

  const nonce = randomBytes(NONCE_BYTES);
  const hunter = new GreetingHunter(nonce);
  link.onHangUp = (cause) => finish({ kind: "failed", failure: hangUpFailure(cause) });
  link.onBytes = (bytes) => {
    const greeting = hunter.push(bytes);
    // The session takes over within this call: the next bytes are already its own.
    if (greeting !== undefined) finish(beginSession(link, greeting));
  };
  link.socket.write(encodeHello(nonce));
  return promise;
}

function hangUpFailure(cause: Error | undefined): ChannelFailure {
  return cause === undefined
    ? { code: "CHANNEL_BROKEN", message: "the channel hung up before the guest agent answered" }
    : { code: "CHANNEL_BROKEN", message: cause.message, cause };
}

function beginSession(link: SocketLink, greeting: Greeting): Opening {
  try {
    if (greeting.type === FrameType.GOAWAY) {
      const status = statusName(greeting.fields.u32(Tag.STATUS) ?? Status.PROTOCOL);
      const reason = cleanGuestText(greeting.fields.text(Tag.MESSAGE) ?? "");
      return {
        kind: "failed",
        failure: { code: "PROTOCOL_ERROR", message: `the guest refused with ${status}: ${reason}` },
      };
    }
    const session = new Session(link, parseWelcome(greeting.fields));
    session.receive(greeting.rest);
    return session.failure === undefined ? { kind: "open", session } : { kind: "failed", failure: session.failure };
  } catch (error) {
    if (!(error instanceof SmolVMError)) throw error;
    const message = `the guest broke the protocol: ${error.message}`;
    return { kind: "failed", failure: { code: "PROTOCOL_ERROR", message, cause: error } };
  }
}
