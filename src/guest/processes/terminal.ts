import { assertKnownOptions } from "../../config/known-options.ts";
import type { GuestChannel } from "../channel/channel.ts";
import type { Command } from "../command/command-argv.ts";
import type { ProcessExit } from "../command/process-exit.ts";
import { COMMAND_OPTIONS, type CommandOptions } from "../command/start-command.ts";
import { DEFAULT_TERMINAL_SIZE, type TerminalSize } from "../command/terminal-size.ts";
import type { GuestProcess } from "./guest-process.ts";
import { LOGIN_SHELL } from "./login-shell.ts";
import type { ProcessOutput } from "./process-output.ts";
import { spawnProcess } from "./spawn-process.ts";

/** How a terminal is opened. */
export interface TerminalOptions extends Omit<CommandOptions, "shell">, Partial<TerminalSize> {
  /** What runs in it. Default: the user's login shell, bash where that is a plain `/bin/sh` and the guest has bash. */
  readonly command?: Command | undefined;
}

/**
 * A terminal in the guest and the program in it. At the end of `await using` it is hung up, so that
 * a shell ends its jobs, and what is left after a second is killed.
 */
export class Terminal implements AsyncDisposable {
  readonly #process: GuestProcess;

  /** @internal */
  constructor(process: GuestProcess) {
    this.#process = process;
  }

  /** Process id of the program in the guest. */
  get pid(): number {
    return this.#process.pid;
  }

  /** What is typed. Control characters do what they do on a terminal: `"\x03"` is Ctrl-C, `"\x04"` an end of file. */
  get stdin(): WritableStream<Uint8Array | string> {
    return this.#process.stdin;
  }

  /** What is shown, with the control sequences that a terminal understands. */
  get stdout(): ProcessOutput {
    return this.#process.stdout;
  }

  /** How the program ended; see {@link GuestProcess.exited}. */
  get exited(): Promise<ProcessExit> {
    return this.#process.exited;
  }

  /** Types something. Resolves when it is on its way. Not while `stdin` is in use otherwise. */
  async write(keys: string | Uint8Array): Promise<void> {
    const writer = this.stdin.getWriter();
    try {
      await writer.write(keys);
    } finally {
      writer.releaseLock();
    }
  }

  /** Changes its size, which the program is told. @throws {ValidationError} */
  resize(size: TerminalSize): void {
    this.#process.resize(size);
  }

  /** Sends a signal to the program's process group. Default SIGHUP, as closing a terminal does; shells ignore SIGTERM. */
  kill(signal: NodeJS.Signals | number = "SIGHUP"): void {
    this.#process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

/** Throws `ValidationError` for options that a terminal does not have. */
export function checkTerminalOptions(options: TerminalOptions): void {
  const known = ["command", "columns", "rows", ...COMMAND_OPTIONS.filter((option) => option !== "shell")];
  assertKnownOptions("openTerminal()", options, known);
}

/** Opens a terminal, and resolves once its program runs. */
export async function openTerminal(channel: GuestChannel, options: TerminalOptions = {}): Promise<Terminal> {
  checkTerminalOptions(options);
  const { command = LOGIN_SHELL, columns, rows, ...others } = options;
  const tty = { columns: columns ?? DEFAULT_TERMINAL_SIZE.columns, rows: rows ?? DEFAULT_TERMINAL_SIZE.rows };
  return new Terminal(await spawnProcess(channel, command, { ...others, tty }));
}
