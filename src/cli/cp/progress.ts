import type { TransferProgress } from "../../guest/files/transfer.ts";
import { formatBytes } from "../print.ts";

/** Often enough to look alive, seldom enough to cost nothing. */
const INTERVAL_MS = 100;

/** A line on the terminal that says how far a copy is; nothing where stderr is no terminal. */
export class ProgressLine {
  readonly #isShown: boolean;
  #lastMs = 0;

  constructor(isWanted: boolean) {
    this.#isShown = isWanted && process.stderr.isTTY;
  }

  readonly update = (progress: TransferProgress): void => {
    const nowMs = performance.now();
    if (!this.#isShown || nowMs - this.#lastMs < INTERVAL_MS) return;
    this.#lastMs = nowMs;
    process.stderr.write(`\r\u001b[K${describeProgress(progress)}`);
  };

  /** Takes the line away. */
  end(): void {
    if (this.#lastMs > 0) process.stderr.write("\r\u001b[K");
  }
}

function describeProgress({ files, bytes }: TransferProgress): string {
  return `${files} ${files === 1 ? "file" : "files"}, ${formatBytes(bytes)}`;
}
