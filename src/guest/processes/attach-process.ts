import type { GuestChannel } from "../channel/channel.ts";
import { attachToOutput } from "./detached-processes.ts";
import { GuestProcess } from "./guest-process.ts";
import { watchDetached } from "./watch-detached.ts";

/** Follows a detached process as a {@link GuestProcess}. */
export async function attachProcess(
  channel: GuestChannel,
  idOrName: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<GuestProcess> {
  const { exec, dropped } = await attachToOutput(channel, idOrName, options);
  watchDetached(exec, dropped);
  return new GuestProcess(exec, await exec.started, { isDetached: true, hasTerminal: false, dropped });
}
