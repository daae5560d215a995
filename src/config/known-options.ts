import { ValidationError } from "../errors/smolvm-error.ts";
import { describe } from "./vm-id.ts";

/**
 * Refuses options that a call does not have: a mistyped deadline must not be ignored.
 *
 * @param call - how an error message names the call, e.g. `"run()"`.
 * @throws {ValidationError} `INVALID_OPTION`.
 */
export function assertKnownOptions(call: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    throw new ValidationError("INVALID_OPTION", `${call} takes an object of options, got ${describe(options)}`);
  }
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new ValidationError("INVALID_OPTION", `${call} has no option ${describe(unknown)}`, {
    hint: `It has: ${known.join(", ")}.`,
    details: { option: unknown },
  });
}
