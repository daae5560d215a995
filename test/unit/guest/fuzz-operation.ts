import type { GuestChannel } from "../../../src/guest/index.ts";
import { type Method, Status } from "../../../src/guest/protocol/frame-types.ts";
import type { Witnessed } from "./fuzz-witness.ts";

/** What an operation says that it brought, where it says that it succeeded. */
export interface Reported {
  /** What its request is about, see `Witnessed`. */
  readonly subject: string;
  /** The whole output, for those that bring it. */
  readonly output?: Uint8Array;
}

/** Something a program may do with a channel. */
export interface Operation {
  readonly name: string;
  readonly method: Method;
  /** What must have been said for a success. */
  readonly isSuccess: (said: Witnessed) => boolean;
  /** @param number - tells apart the operations of one channel. @param dir - a directory of this machine for it. */
  readonly start: (channel: GuestChannel, number: number, dir: string) => Promise<Reported>;
}

/** The guest has said OK. */
export const isOk = ({ status }: Witnessed): boolean => status === Status.OK;

/** Input that needs more than one frame, and more credit than there is at the beginning. */
export const BULK: Buffer = Buffer.alloc(200_000, "input-");

/** All pieces in one. */
export async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}
