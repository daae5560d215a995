import type { GuestChannel } from "../channel/channel.ts";
import type { GuestCall } from "../channel/guest-call.ts";
import { encodeRequest } from "../channel/request-frame.ts";
import { DEFAULT_WINDOW_BYTES, Method, Tag } from "../protocol/frame-types.ts";

/** What becomes of the bytes that a server in the guest sends. */
export interface ConnectionSink {
  /** Valid during the call only. The guest may send as many again once `release` was called for them. */
  readonly onOutput: (bytes: Uint8Array) => void;
  /** The server has shut its direction down. */
  readonly onOutputEnd: () => void;
}

/**
 * Opens a TCP connection to a port on the loopback of the guest. Input may be given at once: it waits for the connection. The
 * call ends well when both directions have ended; a refused or broken connection is `GUEST_ERROR`, its `cancel` a reset.
 */
export function connectToPort(channel: GuestChannel, port: number, sink: ConnectionSink): GuestCall {
  const what = `the connection to port ${port} of the guest`;
  const fields = [
    { tag: Tag.METHOD, value: Method.CONNECT },
    { tag: Tag.PORT, value: port },
  ];
  return channel.call(encodeRequest(what, fields, ""), {
    what,
    requestClass: "connection",
    windowBytes: DEFAULT_WINDOW_BYTES,
    hasInput: true,
    isPaced: true,
    ...sink,
  });
}
