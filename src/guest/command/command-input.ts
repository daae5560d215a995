import { describe } from "../../config/vm-id.ts";
import { ValidationError } from "../../errors/smolvm-error.ts";
import type { GuestExec } from "./guest-exec.ts";

/**
 * What a command reads as its stdin: all at once, or as it comes from a stream or an iteration (Node's streams are one). A
 * source is read at the pace of the command, and told to stop when the command ends.
 */
export type CommandInput =
  | string
  | Uint8Array
  | ReadableStream<Uint8Array | string>
  | AsyncIterable<Uint8Array | string>;

/** Throws `ValidationError` for what is none. */
export function checkInput(input: unknown): void {
  if (typeof input === "string" || input instanceof Uint8Array || isIterable(input)) return;
  throw new ValidationError(
    "INVALID_OPTION",
    `stdin must be a string, bytes, a stream or an async iterable, got ${describe(input)}`,
    { details: { option: "stdin" } },
  );
}

/**
 * Sends `input` to the command, and then the end of the input. A source that fails kills the command, whose result rejects
 * with the source's error: half of the input must not pass for all of it.
 */
export function feed(exec: GuestExec, input: CommandInput): void {
  // Not awaited: a command may end without reading its input, and its result then says all there is to say.
  if (typeof input === "string" || input instanceof Uint8Array) {
    void exec.stdin.write(input);
    void exec.stdin.end();
    return;
  }
  const source = openSource(input);
  exec.result.then(source.stop, source.stop);
  pump(exec, source).catch((error: unknown) => exec.cancel(error));
}

async function pump(exec: GuestExec, source: Source): Promise<void> {
  for (let chunk = await source.next(); chunk !== undefined; chunk = await source.next()) {
    if (typeof chunk !== "string" && !(chunk instanceof Uint8Array)) {
      throw new ValidationError("INVALID_OPTION", `stdin must yield strings or bytes, and yielded ${describe(chunk)}`);
    }
    try {
      await exec.stdin.write(chunk);
    } catch {
      return; // The command is over, and its result says how.
    }
  }
  await exec.stdin.end();
}

/** A source of input that can be stopped while it is waited for. */
interface Source {
  /** The next piece; undefined at the end. */
  readonly next: () => Promise<unknown>;
  readonly stop: () => void;
}

function openSource(input: Exclude<CommandInput, string | Uint8Array>): Source {
  // The iterator of a web stream could not be stopped while a read of it is under way; its reader can.
  if (input instanceof ReadableStream) {
    const reader = input.getReader();
    return { next: async () => (await reader.read()).value, stop: () => ignore(reader.cancel()) };
  }
  const iterator = input[Symbol.asyncIterator]();
  return {
    next: async () => {
      const { value, done } = await iterator.next();
      return done === true ? undefined : value;
    },
    stop: () => ignore(iterator.return?.()),
  };
}

/** A source that fails once nobody listens any more fails for nobody. */
function ignore(promise: Promise<unknown> | undefined): void {
  promise?.catch(() => {});
}

function isIterable(input: unknown): boolean {
  return typeof input === "object" && input !== null && Symbol.asyncIterator in input;
}
