import type { TestContext } from "node:test";
import { GuestChannel } from "../../../src/guest/index.ts";
import { FieldReader } from "../../../src/guest/protocol/fields.ts";
import { FrameType, Method, Tag } from "../../../src/guest/protocol/frame-types.ts";
import { PortForward } from "../../../src/vm/ports/port-forward.ts";
import { ScriptedGuest } from "../guest/scripted-guest.ts";

/** A forward to a guest whose every byte the test decides. */
export interface Forwarded {
  readonly guest: ScriptedGuest;
  readonly forward: PortForward;
}

/** Opens it for one test. */
export async function forwardToScript(t: TestContext, greet?: (guest: ScriptedGuest) => void): Promise<Forwarded> {
  const guest = await ScriptedGuest.start(greet);
  const channel = await GuestChannel.connect(guest.socketPath);
  const forward = await PortForward.open(80, { hostAddress: "127.0.0.1", hostPort: 0 }, async () => channel);
  t.after(async () => {
    await forward.close();
    await channel.close();
    await guest[Symbol.asyncDispose]();
  });
  return { guest, forward };
}

/** The ids of the CONNECT requests, once there are `count`; throws where one is not for port 80. */
export async function connectIds(guest: ScriptedGuest, count: number): Promise<number[]> {
  const requests = await guest.seen(FrameType.REQUEST, count);
  return requests.map(({ id, payload }) => {
    const fields = new FieldReader(payload);
    if (fields.u32(Tag.METHOD) !== Method.CONNECT || fields.u32(Tag.PORT) !== 80)
      throw new Error("not a CONNECT to 80");
    return id;
  });
}

/** The bytes of input that the guest was sent for a connection. */
export function inputOf(guest: ScriptedGuest, id: number): Buffer {
  const data = guest.frames.filter((frame) => frame.type === FrameType.DATA && frame.id === id);
  return Buffer.concat(data.map(({ payload }) => payload));
}
