import { OperationTimeoutError } from "../errors/smolvm-error.ts";

/**
 * Waits for something that others have begun, as long as this caller has time. Giving up leaves the work alone.
 *
 * @throws {OperationTimeoutError} or the signal's reason.
 */
export async function waitWithin<Value>(
  work: Promise<Value>,
  options: { readonly what: string; readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<Value> {
  const { what, timeoutMs, signal } = options;
  signal?.throwIfAborted();
  const { promise: givenUp, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal?.reason);
  const timer = setTimeout(
    () => reject(new OperationTimeoutError(`${what} took longer than ${timeoutMs} ms`)),
    timeoutMs,
  );
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, givenUp]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}
