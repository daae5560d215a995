import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type {
  CommandResult,
  ForkOptions,
  PoolFillResult,
  RestoreOptions,
  SnapshotInfo,
  SnapshotOptions,
  VMConfig,
  VMInfo,
} from "../../src/index.ts";

/** What an error of another process is known by. */
export interface RemoteError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
}

/** What one call came to. */
export type Settled<T> = { readonly value: T; readonly error?: never } | { readonly error: RemoteError };

/** How another process is started. */
export interface ClientOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** A program with its arguments that executes the process. */
  readonly under?: readonly string[];
}

interface Calls {
  readonly create: [config: VMConfig, result: VMInfo];
  readonly start: [vmId: string, result: VMInfo];
  readonly stop: [vmId: string, result: VMInfo];
  readonly delete: [vmId: string, result: undefined];
  readonly get: [vmId: string, result: VMInfo];
  readonly pause: [vmId: string, result: VMInfo];
  readonly resume: [vmId: string, result: VMInfo];
  readonly hibernate: [vmId: string, result: VMInfo];
  readonly snapshot: [vmId: string, options: SnapshotOptions, result: SnapshotInfo];
  readonly restore: [snapshot: string, options: RestoreOptions, result: VMInfo];
  readonly fork: [vmId: string, options: ForkOptions, result: readonly string[]];
  readonly deleteSnapshot: [snapshot: string, result: undefined];
  readonly crashAt: [count: number, result: undefined];
  readonly reconcile: [result: readonly string[]];
  readonly fillPool: [result: PoolFillResult];
  readonly launch: [config: VMConfig, result: VMInfo];
  readonly connect: [vmId: string, result: undefined];
  readonly run: [vmId: string, command: string, result: Pick<CommandResult, "exitCode" | "stdout" | "stderr">];
  readonly flood: [vmId: string, marker: string, result: undefined];
}

type Arguments<M extends keyof Calls> = Calls[M] extends [...infer A, result: unknown] ? A : never;
type Result<M extends keyof Calls> = Calls[M] extends [...unknown[], result: infer R] ? R : never;

/** Another process that uses the library on the same data directory; it may be killed at any moment. */
export class ClientProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (settled: Settled<unknown>) => void>();
  #nextId = 1;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on("message", ({ id, ...settled }: { id: number } & Settled<unknown>) => this.#waiting.get(id)?.(settled));
  }

  /** Starts it and waits until it takes calls. */
  static async start(dataDir: string, options: ClientOptions = {}): Promise<ClientProcess> {
    const [execPath, ...execArgv] = [...(options.under ?? []), process.execPath];
    const child = fork(fileURLToPath(new URL("client-main.ts", import.meta.url)), [dataDir], {
      env: { ...process.env, ...options.env },
      execPath,
      execArgv,
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const client = new ClientProcess(child);
    const [message] = (await Promise.race([once(child, "message"), once(child, "exit")])) as [unknown];
    if (typeof message !== "object") throw new Error("the client process ended at once");
    return client;
  }

  /** Starts several at once. */
  static async startMany(count: number, dataDir: string): Promise<AsyncDisposable & { readonly all: ClientProcess[] }> {
    const all = await Promise.all(Array.from({ length: count }, () => ClientProcess.start(dataDir)));
    return {
      all,
      [Symbol.asyncDispose]: async () => {
        await Promise.all(all.map((client) => client.kill()));
      },
    };
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Makes a call there; its failure is a value. Never settles when the process is killed. */
  async settle<M extends keyof Calls>(method: M, ...args: Arguments<M>): Promise<Settled<Result<M>>> {
    const id = this.#nextId++;
    return await new Promise<Settled<Result<M>>>((resolve) => {
      this.#waiting.set(id, resolve as (settled: Settled<unknown>) => void);
      this.#child.send({ id, method, args });
    });
  }

  /** Makes a call there. */
  async call<M extends keyof Calls>(method: M, ...args: Arguments<M>): Promise<Result<M>> {
    const { error, ...settled } = await this.settle(method, ...args);
    if (error !== undefined) throw new Error(`${method}: ${error.name}: ${error.message}`);
    return (settled as { value: Result<M> }).value;
  }

  /** Has it end by itself, as a program at its end does. */
  disconnect(): void {
    this.#child.disconnect();
  }

  /** Resolves when it has ended. */
  async ended(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, "exit");
  }

  /**
   * Makes a call there that ends with the process: by itself at `crashAt`, or KILLed from outside after `killAfterMs`.
   *
   * @returns whether the call came to its end before.
   */
  async interrupt<M extends keyof Calls>(
    how: { readonly crashAt: number } | { readonly killAfterMs: number },
    method: M,
    ...args: Arguments<M>
  ): Promise<boolean> {
    if ("crashAt" in how) await this.call("crashAt", how.crashAt);
    const done = this.settle(method, ...args).then(({ error }) => {
      if (error !== undefined) throw new Error(`${method}: ${error.name}: ${error.message}`);
      return true;
    });
    if ("killAfterMs" in how) setTimeout(() => this.#child.kill("SIGKILL"), how.killAfterMs);
    return await Promise.race([done, this.ended().then(() => false)]);
  }

  /** KILLs it, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
