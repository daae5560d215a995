import { ValidationError } from "../errors/smolvm-error.ts";
import { describe } from "./vm-id.ts";

/**
 * What a start may continue from. `"auto"`: a template where there is one, else nothing. `"template"`: a template, or an error.
 * `"cold"`: nothing, as when a computer is switched on.
 */
export type StartFrom = "auto" | "template" | "cold";

const ALL: readonly unknown[] = ["auto", "template", "cold"] satisfies StartFrom[];

/** @throws {ValidationError} `INVALID_OPTION` when `value` is neither undefined nor one of them. */
export function assertStartFrom(value: unknown): void {
  if (value === undefined || ALL.includes(value)) return;
  throw new ValidationError("INVALID_OPTION", `from must be "auto", "template" or "cold", got ${describe(value)}`, {
    details: { option: "from" },
  });
}
