import { ValidationError } from "../errors/smolvm-error.ts";
import { describe } from "./vm-id.ts";

const MAX_PORT = 65_535;

/** @throws {ValidationError} `INVALID_OPTION` unless `value` is a whole number from `lowest` (1 by default) to 65,535. */
export function assertPort(option: string, value: unknown, lowest = 1): asserts value is number {
  if (Number.isInteger(value) && (value as number) >= lowest && (value as number) <= MAX_PORT) return;
  throw new ValidationError(
    "INVALID_OPTION",
    `${option} must be a whole number from ${lowest} to ${MAX_PORT}, got ${describe(value)}`,
    { details: { option } },
  );
}
