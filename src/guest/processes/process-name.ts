import { describe } from "../../config/vm-id.ts";
import { ValidationError } from "../../errors/smolvm-error.ts";

/** Names of detached processes; safe on a command line and in a table. Numbers alone are ids. */
const NAME = /^(?!\d+$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/;
const ID = /^[1-9]\d{0,9}$/;

/** @throws {ValidationError} `INVALID_OPTION` for what cannot be the name of a detached process. */
export function checkProcessName(name: unknown): string {
  if (typeof name === "string" && NAME.test(name)) return name;
  throw new ValidationError(
    "INVALID_OPTION",
    `name must be 1 to 64 of A-Z a-z 0-9 _ . -, not beginning with . or -, and not a number, got ${describe(name)}`,
    { details: { option: "name" } },
  );
}

/** The number that an id stands for; undefined for a name. @throws {ValidationError} for what is neither. */
export function processNumber(idOrName: unknown): number | undefined {
  if (typeof idOrName === "string") {
    if (ID.test(idOrName) && Number(idOrName) <= 0xffff_ffff) return Number(idOrName);
    if (NAME.test(idOrName)) return undefined;
  }
  throw new ValidationError(
    "INVALID_OPTION",
    `expected the id or the name of a detached process, got ${describe(idOrName)}`,
  );
}
