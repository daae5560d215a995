import * as z from "zod/mini";
import { ValidationError } from "../errors/smolvm-error.ts";
import { describe } from "./vm-id.ts";

/**
 * Parses options at the edge of the package.
 *
 * @param what - how an error message calls the options, e.g. `"VMConfig"`.
 * @throws {ValidationError} `INVALID_OPTION` that names the first wrong option, what was expected and what came.
 */
export function parseOptions<T>(schema: z.ZodMiniType<T>, input: unknown, what: string): T {
  const result = z.safeParse(schema, input ?? {});
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  // Of a wrong name in a record the record is the option, and the name what came.
  const path = (issue?.code === "invalid_key" ? issue.path.slice(0, -1) : issue?.path) ?? [];
  const option = path.map(String).join(".");
  const message =
    issue?.code === "unrecognized_keys"
      ? `${what} has no option ${issue.keys.map((key) => describe(key)).join(", ")}`
      : issue?.code === "invalid_key"
        ? `${option} ${issue.issues[0]?.message ?? "has a wrong name"}, got ${describe(issue.path.at(-1))}`
        : option === ""
          ? `${what} ${issue?.message ?? "is not valid"}, got ${describe(input)}`
          : `${option} ${issue?.message ?? "is not valid"}, got ${describe(valueAt(input, path))}`;
  throw new ValidationError("INVALID_OPTION", message, { details: { option } });
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** A schema for whole numbers from `minimum` to `maximum`. */
export function wholeNumber(minimum: number, maximum: number): z.ZodMiniType<number> {
  const error = `must be a whole number from ${minimum} to ${maximum}`;
  return z.number({ error }).check(z.refine((n) => Number.isInteger(n) && n >= minimum && n <= maximum, { error }));
}

/** A schema for a string without NUL bytes that is not empty. */
export const nonEmptyText: z.ZodMiniType<string> = z
  .string({ error: "must be a string" })
  .check(
    z.refine((text) => text.length > 0 && !text.includes("\0"), { error: "must not be empty or hold a NUL byte" }),
  );
