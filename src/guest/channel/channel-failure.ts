import { SmolVMError } from "../../errors/smolvm-error.ts";

/**
 * Why a channel ended. Kept as data and made into an error only where a caller awaits it: an error made in a socket's
 * callback would have a stack that says nothing about the caller.
 */
export interface ChannelFailure {
  readonly code: "CHANNEL_BROKEN" | "PROTOCOL_ERROR";
  readonly message: string;
  readonly cause?: unknown;
}

/** The error of a request that the end of its channel has cut off. */
export function channelError(failure: ChannelFailure, what: string): SmolVMError {
  const cause = failure.cause === undefined ? {} : { cause: failure.cause };
  return new SmolVMError(failure.code, `${what} failed: ${failure.message}`, cause);
}
