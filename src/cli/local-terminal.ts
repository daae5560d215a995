import { passTerminalOutputUnchanged } from "../process/terminal-output.ts";
import { DEFAULT_TERMINAL_SIZE, type TerminalSize } from "../guest/command/terminal-size.ts";

/**
 * What undoes what a full-screen program may have left: the alternate screen, a hidden cursor, mouse reports, bracketed paste,
 * application keys, colours.
 */
const RESET = "\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1l\x1b>\x1b[0m\r\n";

/**
 * The terminal that this program runs on, lent to a program in a guest: in raw mode, so that every key goes there, Ctrl-C included.
 * Where stdin is no terminal, or stdout is none, that part is left out.
 *
 * Disposing it restores the terminal; so does the end of this process, whatever ends it.
 */
export class LocalTerminal implements Disposable {
  readonly #restore = (): void => this[Symbol.dispose]();
  #onResize: (() => void) | undefined;
  #hasLeft = false;
  #isRestored = false;

  private constructor() {
    process.on("exit", this.#restore);
    if (!process.stdin.isTTY) return;
    process.stdin.setRawMode(true);
    passTerminalOutputUnchanged();
  }

  /** Puts the terminal into raw mode. */
  static open(): LocalTerminal {
    return new LocalTerminal();
  }

  /** Its size in characters; 80 × 24 where stdout is no terminal or does not know. */
  get size(): TerminalSize {
    const { columns, rows } = process.stdout;
    return columns > 0 && rows > 0 ? { columns, rows } : DEFAULT_TERMINAL_SIZE;
  }

  /** Calls back whenever the size changes. */
  onResize(callback: (size: TerminalSize) => void): void {
    this.#onResize = () => callback(this.size);
    process.stdout.on("resize", this.#onResize);
  }

  /** The program in the guest has ended by itself, and has left the screen as it wants it. */
  leave(): void {
    this.#hasLeft = true;
  }

  [Symbol.dispose](): void {
    if (this.#isRestored) return;
    this.#isRestored = true;
    process.off("exit", this.#restore);
    if (this.#onResize !== undefined) process.stdout.off("resize", this.#onResize);
    if (!this.#hasLeft && process.stdout.isTTY) process.stdout.write(RESET);
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
  }
}
