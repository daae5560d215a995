import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { createServer } from "node:net";
import { pipeline } from "node:stream/promises";
import { HostError } from "../../errors/smolvm-error.ts";
import type { QmpClient, QmpEvent } from "./qmp-client.ts";

/** The descriptor of QEMU from which it reads a saved state. */
const STATE_FD = 4;

/** `events` announces the end. */
const CAPABILITIES = [{ capability: "events", state: true }];

/** Hears of a migration's end from a QMP client's events. */
export class MigrationEnd {
  readonly #end: PromiseWithResolvers<string> = Promise.withResolvers();

  readonly onEvent = ({ event, data }: QmpEvent): void => {
    const status = data["status"];
    if (event === "MIGRATION" && (status === "completed" || status === "failed")) this.#end.resolve(status);
  };

  /** @throws {HostError} `VMM_FAILED` */
  async wait(qmp: QmpClient, signal: AbortSignal | undefined): Promise<void> {
    const aborted = new Promise<never>((_resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });
    const lost = qmp.closed.then(() => "lost: QEMU has ended");
    const status = await Promise.race([this.#end.promise, lost, aborted]);
    if (status !== "completed") throw new HostError("VMM_FAILED", `QEMU's migration ${status}`);
  }
}

/** Loads the state that was given to QEMU as a file, and lets the guest continue. */
export async function loadState(qmp: QmpClient, end: MigrationEnd, signal: AbortSignal): Promise<void> {
  await qmp.execute("migrate-set-capabilities", { capabilities: CAPABILITIES }, { signal });
  await qmp.execute("migrate-incoming", { uri: `fd:${STATE_FD}` }, { signal });
  await end.wait(qmp, signal);
  await qmp.execute("cont", {}, { signal });
}

/**
 * Writes devices and memory of a paused VM to a new file. They go over a socket, since QEMU before 8.2 writes files through a
 * shell only, which its sandbox rightly refuses.
 */
export async function saveAll(
  qmp: QmpClient,
  end: MigrationEnd,
  options: { readonly path: string; readonly socketPath: string; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const server = createServer();
  server.listen(options.socketPath);
  try {
    await once(server, "listening", signal);
    await qmp.execute("migrate-set-capabilities", { capabilities: CAPABILITIES }, signal);
    const connection = once(server, "connection", signal);
    await qmp.execute("migrate", { uri: `unix:${options.socketPath}` }, signal);
    const [socket] = await connection;
    await Promise.all([
      pipeline(socket, createWriteStream(options.path, { flags: "wx", mode: 0o600 }), signal),
      end.wait(qmp, options.signal),
    ]);
  } finally {
    server.close();
  }
}
