import { SmolVMError } from "../../errors/smolvm-error.ts";
import type { ByteCollector } from "./byte-collector.ts";

/** A command wrote more than it may, and was killed. What it wrote until then is kept. */
export class OutputLimitError extends SmolVMError {
  override readonly name: string = "OutputLimitError";
  readonly #stdout: ByteCollector;
  readonly #stderr: ByteCollector;

  /** @internal */
  constructor(maxOutputBytes: number, stdout: ByteCollector, stderr: ByteCollector) {
    super("OUTPUT_LIMIT", `the command wrote more than ${maxOutputBytes} bytes, and was killed`, {
      details: { maxOutputBytes, stdoutBytes: stdout.sizeBytes, stderrBytes: stderr.sizeBytes },
    });
    this.#stdout = stdout;
    this.#stderr = stderr;
  }

  /** What was kept of stdout. A getter: printing the error does not print megabytes. */
  get stdout(): string {
    return this.#stdout.text();
  }

  /** What was kept of stderr. */
  get stderr(): string {
    return this.#stderr.text();
  }
}
