import { ValidationError } from "../../errors/smolvm-error.ts";

/** The longest delay that a timer of Node takes, almost 25 days. A longer one would fire at once. */
const MAX_TIMEOUT_MS = 2_147_483_647;

/** Refuses a deadline that no timer can keep; undefined is none. */
export function checkTimeout(timeoutMs: number | undefined): void {
  if (timeoutMs === undefined || (timeoutMs >= 0 && timeoutMs <= MAX_TIMEOUT_MS)) return;
  throw new ValidationError("INVALID_OPTION", `timeoutMs is ${timeoutMs}: expected 0 to ${MAX_TIMEOUT_MS}`, {
    hint: "Leave timeoutMs out where there is no deadline.",
  });
}
