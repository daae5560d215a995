import { SmolVMError } from "../../errors/smolvm-error.ts";
import type { GuestOutput } from "../channel/guest-output.ts";
import { ByteCollector } from "../command/byte-collector.ts";

const DEFAULT_MAX_BYTES = 67_108_864;

/** Bounds of what is held in memory. */
export interface ProcessOutputLimit {
  /** Default 64 MiB; the guest decides how much comes. */
  readonly maxBytes?: number;
}

/**
 * One output of a process in the guest: a web stream of bytes. What is not read holds the process back once 256 KiB wait,
 * like a pipe. `cancel()`, or leaving an iteration early, drops all that is still to come and lets the process go on.
 *
 * It ends in an error where the process was cancelled or the channel broke: an output that is cut off never looks complete.
 *
 * @example
 * ```ts
 * import { SmolVM } from "smolvm";
 *
 * await using vm = await SmolVM.launch();
 * await using ping = await vm.spawn("for i in 1 2 3; do echo $i; sleep 1; done");
 * for await (const line of ping.stdout.lines()) console.log(line);
 * ```
 */
export class ProcessOutput extends ReadableStream<Uint8Array> {
  /** @internal */
  constructor(output: GuestOutput) {
    const pieces = output[Symbol.asyncIterator]();
    let isCancelled = false;
    super(
      {
        pull: async (controller) => {
          const { value, done } = await pieces.next();
          if (isCancelled) return;
          if (done === true) controller.close();
          else controller.enqueue(value);
        },
        cancel: () => {
          isCancelled = true;
          output.discard();
        },
      },
      // Nothing is fetched before it is asked for: what waits, waits under the guest's credit.
      { highWaterMark: 0 },
    );
  }

  /**
   * All of it as UTF-8; what is not UTF-8 shows as U+FFFD.
   *
   * @throws {SmolVMError} `OUTPUT_LIMIT` when more than `maxBytes` come; the rest is dropped.
   */
  async text(limit: ProcessOutputLimit = {}): Promise<string> {
    const { maxBytes = DEFAULT_MAX_BYTES } = limit;
    const collector = new ByteCollector();
    for await (const bytes of this) {
      if (collector.sizeBytes + bytes.length > maxBytes) throw tooMuch("the output has", maxBytes);
      collector.push(bytes);
    }
    return collector.text();
  }

  /**
   * Its lines as they come, without their ends. A line ends with `\n` or `\r\n`; what stands behind the last one is a line
   * too, unless it is empty.
   *
   * @throws {SmolVMError} `OUTPUT_LIMIT` for a line longer than `maxBytes`; the rest is dropped.
   */
  async *lines(limit: ProcessOutputLimit = {}): AsyncGenerator<string, void, undefined> {
    const { maxBytes = DEFAULT_MAX_BYTES } = limit;
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    let begun = "";
    for await (const bytes of this) {
      const [first = "", ...others] = decoder.decode(bytes, { stream: true }).split("\n");
      begun += first;
      for (const next of others) {
        yield withoutReturn(begun);
        begun = next;
      }
      if (begun.length > maxBytes) throw tooMuch("a line has", maxBytes);
    }
    begun += decoder.decode();
    if (begun !== "") yield withoutReturn(begun);
  }
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

function tooMuch(what: string, maxBytes: number): SmolVMError {
  return new SmolVMError("OUTPUT_LIMIT", `${what} more than ${maxBytes} bytes`, {
    hint: "Read it piece by piece, or raise maxBytes.",
    details: { maxBytes },
  });
}
