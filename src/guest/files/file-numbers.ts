import { describe } from "../../config/vm-id.ts";
import { ValidationError } from "../../errors/smolvm-error.ts";
import type { Field } from "../protocol/fields.ts";
import { Tag } from "../protocol/frame-types.ts";

/** Permissions with set-user-id, set-group-id and the sticky bit. */
const MAX_MODE = 0o7777;

/** The field of a mode. @throws {ValidationError} `INVALID_OPTION`. */
export function modeFields(mode: number | undefined): Field[] {
  if (mode === undefined) return [];
  if (Number.isInteger(mode) && mode >= 0 && mode <= MAX_MODE) return [{ tag: Tag.MODE, value: mode }];
  throw new ValidationError("INVALID_OPTION", `mode must be a whole number from 0 to 0o7777, got ${describe(mode)}`, {
    hint: "Write permissions in octal: 0o644.",
    details: { option: "mode" },
  });
}

/** A count of bytes or entries. @throws {ValidationError} `INVALID_OPTION`. */
export function checkCount<Value extends number | undefined>(option: string, value: Value): Value {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return value;
  throw new ValidationError("INVALID_OPTION", `${option} must be a whole number, 0 or more, got ${describe(value)}`, {
    details: { option },
  });
}

/** The sum of the flags that are set. */
export function flagFields(flags: readonly (readonly [flag: number, isSet: boolean | undefined])[]): Field[] {
  const value = flags.reduce((sum, [flag, isSet]) => (isSet === true ? sum | flag : sum), 0);
  return value === 0 ? [] : [{ tag: Tag.FLAGS, value }];
}
