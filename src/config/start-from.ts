import { ValidationError } from "../errors/smolvm-error.ts";
import { describe } from "./vm-id.ts";

/**
 * What a start may continue from. `"auto"`: a VM that waits in a pool where there is one, else a template, else nothing.
 * `"pool"`, `"template"`: such a one, or an error. `"cold"`: nothing, as when a computer is switched on.
 */
export type StartFrom = "auto" | "pool" | "template" | "cold";

const ALL: readonly unknown[] = ["auto", "pool", "template", "cold"] satisfies StartFrom[];

/** @throws {ValidationError} `INVALID_OPTION` when `value` is neither undefined nor one of them. */
export function assertStartFrom(value: unknown): void {
  if (value === undefined || ALL.includes(value)) return;
  throw new ValidationError(
    "INVALID_OPTION",
    `from must be "auto", "pool", "template" or "cold", got ${describe(value)}`,
    {
      details: { option: "from" },
    },
  );
}
