import type { SnapshotArchiveProgress } from "../config/snapshot-archive-options.ts";
import { formatBytes } from "./print.ts";

/** Often enough to look alive, seldom enough to cost nothing. */
const INTERVAL_MS = 100;

/** A line on the terminal that says how far an export or import is; nothing where stderr is no terminal. Goes at the end. */
export class ArchiveProgressLine implements Disposable {
  readonly #isShown: boolean;
  #lastMs = 0;

  constructor(isWanted: boolean) {
    this.#isShown = isWanted && process.stderr.isTTY;
  }

  readonly update = ({ entry, doneBytes, sizeBytes }: SnapshotArchiveProgress): void => {
    const nowMs = performance.now();
    if (!this.#isShown || nowMs - this.#lastMs < INTERVAL_MS) return;
    this.#lastMs = nowMs;
    process.stderr.write(`\r\u001b[K${entry}: ${formatBytes(doneBytes)} of ${formatBytes(sizeBytes)}`);
  };

  [Symbol.dispose](): void {
    if (this.#lastMs > 0) process.stderr.write("\r\u001b[K");
  }
}
