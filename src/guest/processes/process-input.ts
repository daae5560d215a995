import type { GuestExec } from "../command/guest-exec.ts";

/**
 * The stdin of a process as a web stream. A write resolves when the bytes are on their way to the guest, which takes 64 KiB more
 * than the process reads. Closing it is the end of the input. Aborting it kills the process, so that half of an input never passes
 * for all of it. When the process ends, the stream is in error.
 */
export function openProcessInput(exec: GuestExec): WritableStream<Uint8Array | string> {
  const input = exec.stdin;
  return new WritableStream({
    start: (controller) => {
      const fail = (): void => {
        input.write("").catch((over: unknown) => controller.error(over));
      };
      exec.result.then(fail, (error: unknown) => controller.error(error));
    },
    write: (chunk) => input.write(chunk),
    close: () => input.end(),
    abort: (reason) => exec.cancel(reason),
  });
}
