import { ValidationError } from "../../errors/smolvm-error.ts";
import type { Field } from "../protocol/fields.ts";
import { Tag } from "../protocol/frame-types.ts";

/** Throws where a string cannot be sent: in the guest it would end at the NUL byte. */
export function refuseNul(what: string, value: string): void {
  if (value.includes("\0")) throw new ValidationError("INVALID_OPTION", `${what} holds a NUL byte`);
}

/** The ENV fields of a request; the names are checked, the values may be anything without a NUL byte. */
export function environmentFields(env: Readonly<Record<string, string>>): Field[] {
  return Object.entries(env).map(([name, value]) => {
    if (name === "" || name.includes("=")) {
      throw new ValidationError(
        "INVALID_OPTION",
        `env has the name ${JSON.stringify(name)}: a name is not empty and holds no "="`,
      );
    }
    refuseNul(`the env name ${JSON.stringify(name)}`, name);
    // The value may be a secret: it stays out of the message.
    refuseNul(`env.${name}`, value);
    return { tag: Tag.ENV, value: `${name}=${value}` };
  });
}
