import { OperationTimeoutError } from "../../errors/smolvm-error.ts";
import type { GuestChannel } from "../../guest/channel/channel.ts";
import type { Connect } from "../connect.ts";

/** How long a channel is waited for where the caller gives more time or none. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * The channel for a command whose deadline has begun: waiting for a channel counts as waiting for the command.
 *
 * @throws {OperationTimeoutError} when the command's own deadline passes; else what `connect` throws.
 */
export async function connectInTime(
  connect: Connect,
  options: { readonly timeoutMs?: number | undefined; readonly signal?: AbortSignal | undefined },
): Promise<GuestChannel> {
  const { timeoutMs, signal } = options;
  if (timeoutMs === undefined || timeoutMs > CONNECT_TIMEOUT_MS) {
    return await connect({ signal, timeoutMs: CONNECT_TIMEOUT_MS });
  }
  const startMs = performance.now();
  try {
    return await connect({ signal, timeoutMs });
  } catch (cause) {
    const isLate = performance.now() - startMs >= timeoutMs;
    if (!isLate || signal?.aborted === true) throw cause;
    throw new OperationTimeoutError(
      `the command was not started within ${timeoutMs} ms: no channel was free or ready`,
      {
        cause,
        details: { timeoutMs },
      },
    );
  }
}
