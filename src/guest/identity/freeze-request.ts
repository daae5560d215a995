import type { Field } from "../protocol/fields.ts";
import { FreezeFlag, Method, Tag } from "../protocol/frame-types.ts";
import { encodeRequest } from "../channel/request-frame.ts";

/** What a guest does before its machine is paused and copied. */
export interface FreezeOptions {
  /** Writes the root filesystem out: for a copy of the disk alone. */
  readonly syncDisks?: boolean | undefined;
  /**
   * When a session that is open now ends, its commands go on, with nobody to read their output: in a copy all sessions hang up
   * at once. Until `thaw()`.
   */
  readonly keepProcesses?: boolean | undefined;
}

/** Encodes the request of `prepareFreeze()`. */
export function encodeFreeze(options: FreezeOptions): Buffer {
  let flags = 0;
  if (options.syncDisks === true) flags |= FreezeFlag.SYNC_DISKS;
  if (options.keepProcesses === true) flags |= FreezeFlag.KEEP_PROCESSES;
  return encodeFlags(flags);
}

/** Encodes the request of `thaw()`. */
export function encodeThaw(): Buffer {
  return encodeFlags(FreezeFlag.THAW);
}

function encodeFlags(flags: number): Buffer {
  const fields: Field[] = [
    { tag: Tag.METHOD, value: Method.PREPARE_FREEZE },
    { tag: Tag.FLAGS, value: flags },
  ];
  return encodeRequest("a freeze", fields, "");
}
