import { ValidationError } from "../errors/smolvm-error.ts";
import { describe } from "./vm-id.ts";

/** The longest delay that a timer of Node takes, almost 25 days. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** @throws {ValidationError} `INVALID_OPTION` when `value` is neither undefined nor a number of milliseconds above 0. */
export function assertTimeout(option: string, value: unknown): void {
  if (value === undefined || (typeof value === "number" && value > 0 && value <= MAX_TIMEOUT_MS)) return;
  throw new ValidationError(
    "INVALID_OPTION",
    `${option} must be a number of milliseconds above 0 and up to ${MAX_TIMEOUT_MS}, got ${describe(value)}`,
    { details: { option } },
  );
}
