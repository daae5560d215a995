import { ValidationError } from "../errors/smolvm-error.ts";

/** @throws {ValidationError} `INVALID_OPTION` unless the text is a whole number of MiB above 0. */
export function wholeMiB(option: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new ValidationError(
    "INVALID_OPTION",
    `${option} must be a whole number of MiB above 0, got ${JSON.stringify(text)}`,
  );
}
