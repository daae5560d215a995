import { connect, type Socket } from "node:net";
import { HostError, OperationTimeoutError } from "../../errors/smolvm-error.ts";

/** QEMU's answers are small; a line longer than this is not one. */
const MAX_LINE_CHARACTERS = 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 10_000;

/** Something that QEMU reports unasked. */
export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * One QMP session (QEMU's docs/interop/qmp-spec): greeting, capabilities, commands with ids, events, errors.
 *
 * @example
 * ```ts no-check
 * await using qmp = await QmpClient.connect("/run/vm/qmp.sock");
 * const status = await qmp.execute("query-status");
 * ```
 */
export class QmpClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #onEvent: ((event: QmpEvent) => void) | undefined;
  #nextId = 1;
  #rest = "";
  #failure: Error | undefined;
  #greeted!: Pending;
  readonly #greeting: Promise<unknown>;
  /** Settles when QEMU hangs up (which it does when it ends); never rejects. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket, onEvent: ((event: QmpEvent) => void) | undefined) {
    this.#socket = socket;
    this.#onEvent = onEvent;
    this.#greeting = new Promise((resolve, reject) => {
      this.#greeted = { resolve, reject };
    });
    this.#greeting.catch(() => {
      // Whoever waits for the greeting gets the error; it is not also an unhandled one.
    });
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#receive(text));
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.#fail(new HostError("VMM_FAILED", "QEMU closed its control socket"));
        resolve();
      });
    });
    socket.once("error", (cause) => {
      this.#fail(new HostError("VMM_FAILED", `QEMU's control socket failed: ${cause.message}`, { cause }));
    });
  }

  /** Connects to a QMP socket and negotiates. */
  static async connect(path: string, options: QmpOptions = {}): Promise<QmpClient> {
    return await QmpClient.open(connect(path), options);
  }

  /** Negotiates on a connection that stands already. */
  static async open(socket: Socket, options: QmpOptions = {}): Promise<QmpClient> {
    const client = new QmpClient(socket, options.onEvent);
    try {
      await client.#within(client.#greeting, "QMP greeting", options);
      await client.execute("qmp_capabilities", {}, options);
      return client;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /**
   * Runs one command.
   *
   * @throws {HostError} `VMM_FAILED` with QEMU's own words.
   * @throws {OperationTimeoutError} after `timeoutMs` (10 s by default).
   */
  async execute(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
    options: QmpOptions = {},
  ): Promise<unknown> {
    if (this.#failure) throw this.#failure;
    const id = this.#nextId++;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
    });
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    try {
      return await this.#within(answer, `QMP command ${command}`, options);
    } finally {
      this.#pending.delete(id);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await this.closed;
  }

  /** Lets this process end although the session is open. */
  unref(): void {
    this.#socket.unref();
  }

  #receive(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > MAX_LINE_CHARACTERS) {
      this.#socket.destroy(new Error("a line of QMP is longer than 1 MiB"));
      return;
    }
    for (const line of lines) {
      if (line.trim() !== "") this.#receiveLine(line);
    }
  }

  #receiveLine(line: string): void {
    const message = parseObject(line);
    if (message === undefined) {
      this.#socket.destroy(new Error("a line of QMP is no JSON object"));
      return;
    }
    if ("QMP" in message) this.#greeted.resolve(message["QMP"]);
    else if (typeof message["event"] === "string") {
      this.#onEvent?.({ event: message["event"], data: (message["data"] ?? {}) as Record<string, unknown> });
    } else if ("return" in message) this.#pending.get(Number(message["id"]))?.resolve(message["return"]);
    else if ("error" in message) {
      const { class: kind, desc } = (message["error"] ?? {}) as { class?: string; desc?: string };
      const error = new HostError("VMM_FAILED", `QEMU refused: ${desc ?? "no reason given"}`, {
        details: { class: kind },
      });
      this.#pending.get(Number(message["id"]))?.reject(error);
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#greeted.reject(this.#failure);
    for (const pending of this.#pending.values()) pending.reject(this.#failure);
    this.#pending.clear();
  }

  async #within<T>(promise: Promise<T>, what: string, options: QmpOptions): Promise<T> {
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    let timer: NodeJS.Timeout | undefined;
    let onAbort: (() => void) | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        promise.then(resolve, reject);
        timer = setTimeout(() => {
          reject(new OperationTimeoutError(`${what} was not answered within ${timeoutMs} ms`));
        }, timeoutMs);
        onAbort = () => reject(options.signal?.reason as Error);
        if (options.signal?.aborted) onAbort();
        options.signal?.addEventListener("abort", onAbort, { once: true });
      });
    } finally {
      clearTimeout(timer);
      if (onAbort) options.signal?.removeEventListener("abort", onAbort);
    }
  }
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // the answer
  }
}

/** Deadline, cancellation, and who hears of events. */
export interface QmpOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: QmpEvent) => void;
}
