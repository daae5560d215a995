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

  /** Waits until something is shown behind what was waited for before; returns the parts of the match. */
  async shows(what: string | RegExp): Promise<readonly string[]> {
    const deadline = performance.now() + PATIENCE_MS;
    const timer = setTimeout(() => this.#onShown(), PATIENCE_MS);
    using _timer = { [Symbol.dispose]: () => clearTimeout(timer) };
    for (;;) {
      const parts = this.#find(what);
      if (parts !== undefined) return parts;
      if (this.#isOver || performance.now() >= deadline) {
        throw new Error(`the program does not show ${what}: ${JSON.stringify(this.#shown)}`);
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

  /** Looks behind what was found before. */
  #find(what: string | RegExp): readonly string[] | undefined {
    const unseen = this.#shown.slice(this.#seenLength);
    const match = typeof what === "string" ? undefined : what.exec(unseen);
    const at = typeof what === "string" ? unseen.indexOf(what) : (match?.index ?? -1);
    if (at === -1) return undefined;
    const found = typeof what === "string" ? what : (match?.[0] ?? "");
    this.#seenLength += at + found.length;
    return match ?? [found];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return;
    this.#child.kill("SIGKILL");
    if (!this.#isOver) await once(this.#child, "close");
  }
}
