import type { GuestExec, StartedCommand } from "../command/guest-exec.ts";
import { type ProcessExit, toProcessExit } from "../command/process-exit.ts";
import { hangUp } from "../command/hang-up.ts";
import type { TerminalSize } from "../command/terminal-size.ts";
import { openProcessInput } from "./process-input.ts";
import { ProcessOutput } from "./process-output.ts";

/** How long a killed process is waited for before its end is no longer insisted on. */
const KILL_GRACE_MS = 2_000;

/** What a process was made with. */
export interface GuestProcessTraits {
  /** Whether it goes on without this program. */
  readonly isDetached: boolean;
  /** Whether it has a terminal. */
  readonly hasTerminal: boolean;
  /** Bytes of its output that nobody keeps; counted by whoever hears of them. */
  readonly dropped: { bytes: number };
}

/**
 * A process in the guest.
 *
 * At the end of `await using` it is killed, with its process group. One with a terminal is hung up first; a detached one is let
 * go and runs on.
 */
export class GuestProcess implements AsyncDisposable {
  /** Its process id in the guest. */
  readonly pid: number;
  /** Of a detached process: by what `vm.processes` knows it; else null. Never used again while the VM runs. */
  readonly id: string | null;
  /**
   * How it ended. Rejects with `CHANNEL_BROKEN` when the VM or its channel ends first, with `OperationTimeoutError` at the deadline, or with the
   * reason of the signal; who does not look at it is not bothered. A process that
   * writes more than is read waits for its reader and does not end by itself: read both outputs, or `cancel()` the one that does not matter.
   */
  readonly exited: Promise<ProcessExit>;
  readonly #exec: GuestExec;
  readonly #traits: GuestProcessTraits;
  #stdin: WritableStream<Uint8Array | string> | undefined;
  #stdout: ProcessOutput | undefined;
  #stderr: ProcessOutput | undefined;
  #isOver = false;

  /** @internal */
  constructor(exec: GuestExec, started: StartedCommand, traits: GuestProcessTraits) {
    this.#exec = exec;
    this.#traits = traits;
    this.pid = started.pid;
    this.id = started.processNumber === undefined ? null : String(started.processNumber);
    this.exited = exec.exited.then(toProcessExit).finally(() => (this.#isOver = true));
    // The streams and the caller's own waiting tell of a failure too.
    this.exited.catch(() => {});
  }

  /** What it reads. Throws `INVALID_OPTION` for a process that was started with another `stdin` than `"pipe"`, or detached. */
  get stdin(): WritableStream<Uint8Array | string> {
    this.#stdin ??= openProcessInput(this.#exec);
    return this.#stdin;
  }

  /** What it writes to stdout; of a process with a terminal, all that it writes. */
  get stdout(): ProcessOutput {
    this.#stdout ??= new ProcessOutput(this.#exec.stdout);
    return this.#stdout;
  }

  /** What it writes to stderr; empty for a process with a terminal. */
  get stderr(): ProcessOutput {
    this.#stderr ??= new ProcessOutput(this.#exec.stderr);
    return this.#stderr;
  }

  /** Of a detached process: bytes of its output, both streams together, that came faster than they were read here, and are lost. */
  get droppedBytes(): number {
    return this.#traits.dropped.bytes;
  }

  /**
   * Sends a signal to its process group; does nothing once it has ended.
   *
   * @param signal - a name or a Linux number. Default `"SIGTERM"`.
   * @throws {ValidationError} for a signal that Linux does not have.
   */
  kill(signal: NodeJS.Signals | number = "SIGTERM"): void {
    this.#exec.signal(signal);
  }

  /** Changes the size of its terminal; does nothing for a process without one. @throws {ValidationError} */
  resize(size: TerminalSize): void {
    this.#exec.resize(size);
  }

  /** Ends it and waits for that; lets go of a detached one. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return;
    const { isDetached, hasTerminal } = this.#traits;
    if (isDetached) this.#exec.cancel(letGo());
    else if (hasTerminal) hangUp(this.#exec, () => this.#exec.signal("SIGKILL"));
    else this.#exec.signal("SIGKILL");
    // What nobody reads any more must not hold the end back.
    this.#exec.stdout.discard();
    this.#exec.stderr.discard();
    const timer = setTimeout(() => this.#exec.abandon(letGo()), KILL_GRACE_MS);
    await this.exited.catch(() => {
      // `exited` tells it to whoever asks.
    });
    clearTimeout(timer);
  }
}

function letGo(): DOMException {
  return new DOMException("The process was let go", "AbortError");
}
