import type { GuestChannel } from "../guest/channel/channel.ts";

/**
 * The warm channel to the VM's guest; waits for one at most `timeoutMs` (10,000 by default).
 *
 * @throws {CommandExecutionUnavailableError} when the VM does not run or has no agent.
 */
export type Connect = (options?: {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}) => Promise<GuestChannel>;
