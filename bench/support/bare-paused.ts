import { once } from "node:events";
import { connect } from "node:net";
import { BareChannel } from "./bare-channel.ts";

/**
 * The floor of a start from a pool: a paused, warm VM is resumed over QMP and asked for one command, by a bare script that tells
 * the guest nothing. Returns the milliseconds to the command's result.
 */
export async function resumeBare(
  paths: { readonly qmp: string; readonly channel: string },
  request: Buffer,
): Promise<number> {
  const started = performance.now();
  const control = connect(paths.qmp);
  let heard = "";
  control.setEncoding("utf8").on("data", (text: string) => (heard += text));
  while (!heard.includes('"QMP"')) await once(control, "data");
  control.write('{"execute":"qmp_capabilities"}\n{"execute":"cont"}\n');
  using channel = await BareChannel.open(paths.channel);
  await channel.roundTrip(request);
  const tookMs = performance.now() - started;
  control.destroy();
  return tookMs;
}
