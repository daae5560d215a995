import { encodeRequest } from "../channel/request-frame.ts";
import type { RequestResult } from "../channel/request-result.ts";
import { Method, Tag } from "../protocol/frame-types.ts";
import { protocolViolation } from "../protocol/protocol-violation.ts";

/** How busy a guest is. */
export interface GuestActivity {
  /** Since the last request of any host ended, pings and this question left out; 0 while a request is open: a command, a connection, a watch. */
  readonly idleMs: number;
  /** Time that all processors together have spent on programs and in the kernel, since the boot; undefined where the guest cannot tell. */
  readonly busyUs: number | undefined;
}

/** Encodes the request of `activity()`. */
export function encodeActivity(): Buffer {
  return encodeRequest("an activity request", [{ tag: Tag.METHOD, value: Method.ACTIVITY }], "");
}

/** Reads its answer. */
export function parseActivity({ fields }: RequestResult): GuestActivity {
  const idleMs = fields.u64(Tag.IDLE_MS);
  if (idleMs === undefined) throw protocolViolation("an answer to ACTIVITY has no IDLE_MS");
  const busyUs = fields.u64(Tag.BUSY_US);
  return { idleMs: Number(idleMs), busyUs: busyUs === undefined ? undefined : Number(busyUs) };
}
