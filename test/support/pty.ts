import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { findProgram } from "../../src/host/find-program.ts";

/** How a program on a terminal ended, and whether it left the terminal as it found it. */
export interface PtyResult {
  readonly exitCode: number;
  readonly isRestored: boolean;
}

/** How long something may take to be shown. */
const PATIENCE_MS = 30_000;

/** A program on a terminal of its own, made by script(1): what a person at a keyboard sees and does. */
export class Pty implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  #shown = "";
  #seenLength = 0;
  #onShown: () => void = () => {};
  #isOver = false;

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    child.stdin.on("error", () => {});
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#shown += text;
      this.#onShown();
    });
    child.on("close", () => {
      this.#isOver = true;
      this.#onShown();
    });
  }

  /** Why terminals cannot be made here, or undefined. */
  static whyNot(): string | undefined {
    return findProgram("script") === undefined ? "script(1) is not installed" : undefined;
  }

  /** Starts the program; resolves when its terminal is there. */
  static async start(
    argv: readonly string[],
    options: { readonly columns: number; readonly rows: number; readonly env?: NodeJS.ProcessEnv },
  ): Promise<Pty> {
    const command = argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
    const script = [
      `stty cols ${options.columns} rows ${options.rows}`,
      'before=$(stty -g); echo "tty=$(tty);"',
      // In the background of nothing: the program is what the terminal's signals go to.
      command,
      'code=$?; [ "$before" = "$(stty -g)" ]; echo "code=$code restored=$?;"',
    ].join("\n");
    const child = spawn("script", ["-qfc", script, "/dev/null"], {
      env: { ...process.env, ...options.env, SHELL: "/bin/sh" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    const pty = new Pty(child);
    await pty.shows(/tty=\S+;/);
    return pty;
  }

  /** All that has been shown. */
  get shown(): string {
    return this.#shown;
  }

  /** Types. */
  type(keys: string): void {
    this.#child.stdin.write(keys);
  }

  /** Waits until something is shown behind what was waited for before; returns the match. */
  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = performance.now() + PATIENCE_MS;
    const timer = setTimeout(() => this.#onShown(), PATIENCE_MS);
    using _timer = { [Symbol.dispose]: () => clearTimeout(timer) };
    for (;;) {
      const match = pattern.exec(this.#shown.slice(this.#seenLength));
      if (match !== null) {
        this.#seenLength += match.index + match[0].length;
        return match;
      }
      if (this.#isOver || performance.now() >= deadline) {
        throw new Error(`the program does not show ${pattern}: ${JSON.stringify(this.#shown)}`);
      }
      await new Promise<void>((resolve) => (this.#onShown = resolve));
    }
  }

  /** Gives the terminal another size, which whoever is in its foreground is told by SIGWINCH. */
  resize(columns: number, rows: number): void {
    const tty = /tty=(\S+);/.exec(this.#shown)?.[1] ?? "";
    execFileSync("stty", ["-F", tty, "cols", String(columns), "rows", String(rows)]);
  }

  /** Waits for the program's end. */
  async ended(): Promise<PtyResult> {
    const [, code, restored] = await this.shows(/code=(\d+) restored=(\d+);/);
    return { exitCode: Number(code), isRestored: restored === "0" };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return;
    this.#child.kill("SIGKILL");
    if (!this.#isOver) await once(this.#child, "close");
  }
}
