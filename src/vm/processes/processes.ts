import { assertKnownOptions } from "../../config/known-options.ts";
import { assertTimeout } from "../../config/timeout.ts";
import type { RequestOptions } from "../../guest/channel/channel.ts";
import { findProcess, listProcesses, signalProcess } from "../../guest/processes/detached-processes.ts";
import type { GuestProcess } from "../../guest/processes/guest-process.ts";
import type { ProcessInfo } from "../../guest/processes/process-info.ts";
import { processNumber } from "../../guest/processes/process-name.ts";
import type { Connect } from "../connect.ts";
import { connectInTime } from "./connect-in-time.ts";

/** Options of the calls that are answered at once: no deadline by default. */
export interface ProcessCallOptions extends RequestOptions {}

/**
 * The detached processes of one VM, as `vm.processes`: those that `spawn(…, { detached: true })` started, from whichever program.
 *
 * @example
 * ```ts
 * import { SmolVM } from "smolvm";
 *
 * await using vm = await SmolVM.launch();
 * await vm.spawn("python3 -m http.server 8000", { detached: true, name: "web" });
 * for (const { id, name, status } of await vm.processes.list()) console.log(id, name, status);
 * await vm.processes.kill("web");
 * const { exitCode } = await (await vm.processes.attach("web")).exited;
 * console.log(exitCode); // 143
 * ```
 */
export class VMProcesses {
  readonly #connect: Connect;

  /** @internal */
  constructor(connect: Connect) {
    this.#connect = connect;
  }

  /** Those that run, and those that ended and are remembered, oldest first. */
  async list(options: ProcessCallOptions = {}): Promise<readonly ProcessInfo[]> {
    checkOptions("list()", options);
    return await listProcesses(await connectInTime(this.#connect, options), options);
  }

  /**
   * What is known of one. Of several that had the same name: the one that runs, else the last one.
   *
   * @throws {SmolVMError} `PROCESS_NOT_FOUND`.
   */
  async get(idOrName: string, options: ProcessCallOptions = {}): Promise<ProcessInfo> {
    checkOptions("get()", options);
    processNumber(idOrName);
    return await findProcess(await connectInTime(this.#connect, options), idOrName, options);
  }

  /**
   * Follows one: its outputs begin with the last 256 KiB of what it wrote before. It never waits for whoever reads; a reader that
   * falls behind by more than is kept loses the oldest bytes, see `droppedBytes`. It has no `stdin`.
   *
   * @param options - `signal`: lets go of it.
   * @throws {SmolVMError} `PROCESS_NOT_FOUND`.
   */
  async attach(idOrName: string, options: { readonly signal?: AbortSignal } = {}): Promise<GuestProcess> {
    assertKnownOptions("attach()", options, ["signal"]);
    processNumber(idOrName);
    const { attachProcess } = await import("../../guest/processes/attach-process.ts");
    return await attachProcess(await connectInTime(this.#connect, options), idOrName, options);
  }

  /**
   * Sends a signal to its process group; does nothing when it has ended. Does not wait for the end.
   *
   * @param signal - a name or a Linux number. Default `"SIGTERM"`.
   * @throws {SmolVMError} `PROCESS_NOT_FOUND`.
   */
  async kill(
    idOrName: string,
    signal: NodeJS.Signals | number = "SIGTERM",
    options: ProcessCallOptions = {},
  ): Promise<void> {
    checkOptions("kill()", options);
    processNumber(idOrName);
    await signalProcess(await connectInTime(this.#connect, options), idOrName, signal, options);
  }
}

function checkOptions(call: string, options: ProcessCallOptions): void {
  assertKnownOptions(call, options, ["signal", "timeoutMs"]);
  assertTimeout("timeoutMs", options.timeoutMs);
}
