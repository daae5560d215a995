import { assertKnownOptions } from "../../config/known-options.ts";
import { assertPort } from "../../config/port-number.ts";
import { assertTimeout } from "../../config/timeout.ts";
import { OperationTimeoutError } from "../../errors/smolvm-error.ts";
import { waitForGuestPort } from "../../guest/sockets/wait-for-port.ts";
import type { Connect } from "../connect.ts";

const DEFAULT_TIMEOUT_MS = 60_000;

/** See `SmolVM.waitForPort`. */
export async function waitForPort(
  connect: Connect,
  port: number,
  options: { readonly timeoutMs?: number | undefined; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  assertKnownOptions("waitForPort()", options, ["timeoutMs", "signal"]);
  assertPort("port", port);
  assertTimeout("timeoutMs", options.timeoutMs);
  const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
  const startMs = performance.now();
  const channel = await connect({ timeoutMs, signal });
  const leftMs = Math.max(1, timeoutMs - (performance.now() - startMs));
  try {
    await waitForGuestPort(channel, port, { timeoutMs: leftMs, signal });
  } catch (error) {
    if (!(error instanceof OperationTimeoutError)) throw error;
    throw new OperationTimeoutError(`nothing in the guest listened on port ${port} within ${timeoutMs} ms`, {
      hint: "See whether the server runs and which port it has (`ss -tln` in the VM), or raise timeoutMs.",
      details: { port, timeoutMs },
    });
  }
}
