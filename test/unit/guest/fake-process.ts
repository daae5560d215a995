import { spawn, type ChildProcess } from "node:child_process";
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { constants as osConstants } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";

import type { FieldReader } from "../../../src/guest/protocol/fields.ts";
import { encodeCreditFrame, encodeDataFrame, encodeEmptyFrame } from "../../../src/guest/protocol/frame-encoder.ts";
import {
  DEFAULT_WINDOW_BYTES,
  ExecFlag,
  FrameType,
  Status,
  Stream,
  Tag,
  type OutputStream,
} from "../../../src/guest/protocol/frame-types.ts";
import { endOfDataPiece } from "../../../src/guest/protocol/sync.ts";
import type { FakeSession } from "./fake-session.ts";

const CHUNK_BYTES = 32_768;
/** How long an output that somebody else still holds is read after the exit of the process. */
const BACKGROUND_GRACE_MS = 50;

interface Output {
  readonly stream: OutputStream;
  readonly pipe: Readable;
  creditBytes: number;
  isEnded: boolean;
}

/** One EXEC: a process of the test machine in a group of its own. */
export class FakeProcess {
  readonly gone: Promise<void>;
  readonly #session: FakeSession;
  readonly #id: number;
  readonly #argv: string[] = [];
  readonly #env: Record<string, string>;
  readonly #cwd: string;
  readonly #hasInput: boolean;
  readonly #windowBytes: number;
  readonly #setGone: () => void;
  #child: ChildProcess | undefined;
  #outputs: Output[] = [];
  #inputCreditBytes: number;
  #inputEnded = false;
  #exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly atMs: number } | undefined;
  #startedAtMs = 0;
  #isOver = false;

  constructor(
    session: FakeSession,
    id: number,
    fields: FieldReader,
    vmEnv: readonly string[],
    inputWindowBytes: number,
  ) {
    this.#session = session;
    this.#id = id;
    this.#inputCreditBytes = inputWindowBytes;
    const env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "USER=root"];
    env.push("LOGNAME=root", "SHELL=/bin/sh", "LANG=C.UTF-8", ...vmEnv);
    for (const { tag, value } of fields.entries()) {
      if (tag === Tag.ARG) this.#argv.push(value.toString());
      if (tag === Tag.ENV) env.push(value.toString());
    }
    this.#env = Object.fromEntries(
      env.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
    );
    this.#cwd = fields.text(Tag.CWD) ?? (existsSync("/root") ? "/root" : "/");
    this.#hasInput = ((fields.u32(Tag.FLAGS) ?? 0) & ExecFlag.INPUT) !== 0;
    this.#windowBytes = fields.u32(Tag.WINDOW) ?? DEFAULT_WINDOW_BYTES;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.gone = promise;
    this.#setGone = resolve;
  }

  start(): void {
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      this.#isOver = true;
      this.#setGone();
      this.#session.result(this.#id, refusal, [{ tag: Tag.MESSAGE, value: `${this.#argv[0]}: refused` }]);
      return;
    }
    this.#startedAtMs = performance.now();
    const child = spawn(this.#find()!, this.#argv.slice(1), {
      argv0: this.#argv[0]!,
      cwd: this.#cwd,
      env: this.#env,
      detached: true,
      stdio: [this.#hasInput ? "pipe" : "ignore", "pipe", "pipe"],
    });
    this.#child = child;
    child.stdin?.on("error", () => {});
    this.#outputs = [
      { stream: Stream.OUTPUT, pipe: child.stdout!, creditBytes: this.#windowBytes, isEnded: false },
      { stream: Stream.ERRORS, pipe: child.stderr!, creditBytes: this.#windowBytes, isEnded: false },
    ];
    this.#session.send(FrameType.STARTED, this.#id, [{ tag: Tag.PID, value: child.pid! }]);
    for (const output of this.#outputs) {
      output.pipe.on("readable", () => this.#pump(output));
      output.pipe.on("end", () => this.#endOutput(output));
    }
    child.on("exit", (code, signal) => {
      this.#exit = { code, signal, atMs: performance.now() };
      this.#setGone();
      for (const { pipe } of this.#outputs)
        setTimeout(() => pipe.readableLength === 0 && !pipe.destroyed && pipe.push(null), BACKGROUND_GRACE_MS).unref();
      this.#finish();
    });
  }

  /** False where the bytes go beyond the credit. */
  input(bytes: Buffer): boolean {
    if (bytes.length > this.#inputCreditBytes || this.#inputEnded) return false;
    this.#inputCreditBytes -= bytes.length;
    this.#child?.stdin?.write(bytes, () => {
      if (this.#isOver) return;
      this.#inputCreditBytes += bytes.length;
      this.#session.write(encodeCreditFrame(this.#id, Stream.INPUT, bytes.length));
    });
    return true;
  }

  endInput(): void {
    this.#inputEnded = true;
    this.#child?.stdin?.end();
  }

  addCredit(stream: Stream, bytes: number): void {
    const output = this.#outputs.find((candidate) => candidate.stream === stream);
    if (output === undefined) return;
    output.creditBytes += bytes;
    this.#pump(output);
  }

  kill(signal: number): void {
    if (this.#child?.pid === undefined || this.#exit !== undefined) return;
    try {
      process.kill(-this.#child.pid, signal);
    } catch {
      // The group has ended by itself.
    }
  }

  cancel(): void {
    this.drop();
    this.#session.result(this.#id, Status.CANCELLED);
  }

  /** Kills and forgets. */
  drop(): void {
    this.#isOver = true;
    this.kill(9);
    for (const { pipe } of this.#outputs) pipe.destroy();
  }

  #pump(output: Output): void {
    while (!this.#isOver && output.creditBytes > 0) {
      const available = Math.min(output.creditBytes, CHUNK_BYTES, output.pipe.readableLength);
      if (available === 0) {
        // Asks the pipe for more, and for "end" where there is none.
        if (output.pipe.readableLength === 0) output.pipe.read(0);
        return;
      }
      const chunk: Buffer = output.pipe.read(available);
      for (let at = 0; at < chunk.length;) {
        const end = endOfDataPiece(chunk, at, chunk.length);
        this.#session.write(encodeDataFrame(this.#id, output.stream, chunk.subarray(at, end)));
        at = end;
      }
      output.creditBytes -= chunk.length;
    }
  }

  #endOutput(output: Output): void {
    output.isEnded = true;
    this.#finish();
  }

  #finish(): void {
    if (this.#isOver || this.#exit === undefined || this.#outputs.some((output) => !output.isEnded)) return;
    this.#isOver = true;
    for (const { stream } of this.#outputs) this.#session.write(encodeEmptyFrame(FrameType.END, this.#id, stream));
    const { code, signal, atMs } = this.#exit;
    this.#session.result(this.#id, Status.OK, [
      signal === null
        ? { tag: Tag.EXIT_CODE, value: code ?? 0 }
        : { tag: Tag.SIGNAL, value: osConstants.signals[signal] },
      { tag: Tag.DURATION_US, value: BigInt(Math.round((atMs - this.#startedAtMs) * 1_000)) },
    ]);
  }

  #refusal(): Status | undefined {
    if (this.#argv.length === 0) return Status.BAD_REQUEST;
    if (!existsSync(this.#cwd) || !statSync(this.#cwd).isDirectory()) return Status.BAD_CWD;
    const file = this.#find();
    if (file === undefined) return Status.NOT_FOUND;
    try {
      accessSync(file, constants.X_OK);
    } catch {
      return Status.NOT_EXECUTABLE;
    }
    return statSync(file).isDirectory() ? Status.NOT_EXECUTABLE : undefined;
  }

  #find(): string | undefined {
    const name = this.#argv[0]!;
    if (name.includes("/"))
      return existsSync(join("/", name.startsWith("/") ? name : join(this.#cwd, name))) ? name : undefined;
    const folders = (this.#env["PATH"] ?? "").split(":");
    return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
  }
}
