import type { GuestExec } from "../command/guest-exec.ts";
import { DEFAULT_WINDOW_BYTES } from "../protocol/frame-types.ts";

/**
 * A detached process waits for no reader, and its `exited` must not either: until an output is read, its last 256 KiB are kept here
 * and older bytes are dropped, as the guest does it.
 */
export function watchDetached(exec: GuestExec, dropped: { bytes: number }): void {
  const count = (bytes: number): void => {
    dropped.bytes += bytes;
  };
  exec.stdout.keepLastUntilRead(DEFAULT_WINDOW_BYTES, count);
  exec.stderr.keepLastUntilRead(DEFAULT_WINDOW_BYTES, count);
}
