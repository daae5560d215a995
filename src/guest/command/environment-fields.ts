import { checkEnvironment, type Environment } from "../../config/environment.ts";
import { ValidationError } from "../../errors/smolvm-error.ts";
import type { Field } from "../protocol/fields.ts";
import { Tag } from "../protocol/frame-types.ts";

/** Throws where a string cannot be sent: in the guest it would end at the NUL byte. */
export function refuseNul(what: string, value: string): void {
  if (value.includes("\0")) throw new ValidationError("INVALID_OPTION", `${what} holds a NUL byte`);
}

/** The ENV fields of a request. */
export function environmentFields(env: Environment): Field[] {
  return Object.entries(checkEnvironment("env", env)).map(([name, value]) => ({
    tag: Tag.ENV,
    value: `${name}=${value}`,
  }));
}
