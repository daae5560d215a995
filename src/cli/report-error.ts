import { SmolVMError } from "../errors/smolvm-error.ts";
import { Interruption } from "./interrupt.ts";
import { note } from "./notes.ts";

/** EX_USAGE of sysexits(3). */
export const USAGE_EXIT_CODE = 64;
/** EX_SOFTWARE of sysexits(3): a failure that this package did not foresee. */
const INTERNAL_EXIT_CODE = 70;

/** Tells the user what went wrong and what to do, and sets the exit code. With `json` as one object on stderr. */
export function reportError(error: unknown, json: boolean): void {
  if (error instanceof Interruption) {
    process.exitCode = error.exitCode;
    return;
  }
  if (error instanceof SmolVMError) {
    process.exitCode = error.exitCode;
    const { name, code, message, hint, details } = error;
    if (json) process.stderr.write(`${JSON.stringify({ error: { name, code, message, hint, details } })}\n`);
    else note(`${message}\n  hint: ${hint} (${code})`);
    return;
  }
  process.exitCode = INTERNAL_EXIT_CODE;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (json) process.stderr.write(`${JSON.stringify({ error: { name: "Error", code: "INTERNAL", message: text } })}\n`);
  else note(`this should not have happened: ${text}`);
}
