import type { GuestChannel, RequestOptions } from "../channel/channel.ts";
import { encodeRequest } from "../channel/request-frame.ts";
import { Method, Tag } from "../protocol/frame-types.ts";

/** Waits until something in the guest listens on a TCP port, on any address. The guest looks; nothing is polled from here. */
export async function waitForGuestPort(channel: GuestChannel, port: number, options: RequestOptions): Promise<void> {
  const what = `waiting for port ${port} of the guest`;
  const fields = [
    { tag: Tag.METHOD, value: Method.WAIT_PORT },
    { tag: Tag.PORT, value: port },
  ];
  await channel.request(what, encodeRequest(what, fields, ""), { requestClass: "stream", ...options });
}
