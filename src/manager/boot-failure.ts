import { statSync } from "node:fs";
import type { VmmPaths } from "../backends/backend.ts";
import { OperationTimeoutError, SmolVMError } from "../errors/smolvm-error.ts";
import { readTail } from "../process/read-tail.ts";

/** Of each tail, the lines that an error's message shows. */
const SHOWN_LINES = 5;

/** What the guest and the VMM said during one start. */
interface Tails {
  readonly consoleTail: string;
  readonly vmmLogTail: string;
}

/** Remembers where the logs of a VM end before a start, since what is in them already belongs to earlier ones. */
export class StartLogs {
  readonly #paths: VmmPaths;
  readonly #consoleStart: number;
  readonly #vmmStart: number;

  constructor(paths: VmmPaths) {
    this.#paths = paths;
    this.#consoleStart = sizeOf(paths.consoleLogPath);
    this.#vmmStart = sizeOf(paths.vmmLogPath);
  }

  tails(): Tails {
    return {
      consoleTail: readTail(this.#paths.consoleLogPath, this.#consoleStart),
      vmmLogTail: readTail(this.#paths.vmmLogPath, this.#vmmStart),
    };
  }
}

/** The error that the caller of a failed start gets. */
export function explainBootFailure(
  vmId: string,
  cause: unknown,
  options: { readonly bootTimeoutMs: number; readonly isLate: boolean; readonly tails: Tails },
): Error {
  const { tails, bootTimeoutMs } = options;
  const details = { vmId, ...tails };
  if (options.isLate || cause instanceof OperationTimeoutError) {
    return new OperationTimeoutError(`the VM "${vmId}" was not ready within ${bootTimeoutMs} ms${withTail(tails)}`, {
      cause,
      details,
      hint: "Raise bootTimeoutMs, or read the console with `smolvm logs`.",
    });
  }
  if (cause instanceof SmolVMError && cause.code !== "VMM_FAILED" && cause.code !== "CHANNEL_BROKEN") return cause;
  return new SmolVMError(
    "BOOT_FAILED",
    `the VM "${vmId}" failed to boot: ${(cause as Error).message}${withTail(tails)}`,
    { cause, details },
  );
}

/** The last lines of what the guest and the VMM said, as most users read only the message. */
function withTail(tails: Tails): string {
  const lines = [...lastLines("vmm", tails.vmmLogTail), ...lastLines("console", tails.consoleTail)];
  return lines.length === 0 ? "" : `\n${lines.join("\n")}`;
}

function lastLines(what: string, tail: string): readonly string[] {
  if (tail === "") return [];
  const lines = tail.split("\n");
  // Why a kernel gave up stands above its stack.
  const panic = lines.slice(0, -SHOWN_LINES).findLast((line) => line.includes("Kernel panic"));
  return [...(panic === undefined ? [] : [panic]), ...lines.slice(-SHOWN_LINES)].map((line) => `  ${what}: ${line}`);
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
