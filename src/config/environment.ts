import { ValidationError } from "../errors/smolvm-error.ts";
import { describe } from "./vm-id.ts";

/** Names and values of environment variables. */
export type Environment = Readonly<Record<string, string>>;

/** What the guest is told of variables in one request, which also holds its name, address and clock. */
export const MAX_ENVIRONMENT_BYTES = 61_440;
/** What the request takes for each variable besides `NAME=value`. */
const OVERHEAD_BYTES = 6;

/**
 * Checks environment variables: names as POSIX shells accept them would be too strict, so any text without `=` and NUL is one.
 * Values stay out of messages, as they may be secrets.
 *
 * @param option - how an error message calls them, e.g. `"env"`.
 * @throws {ValidationError} `INVALID_OPTION`.
 */
export function checkEnvironment(option: string, env: unknown): Environment {
  if (typeof env !== "object" || env === null || Array.isArray(env)) {
    const came = typeof env === "string" ? "a string" : describe(env);
    throw invalid(option, `${option} must be an object of strings, got ${came}`);
  }
  for (const [name, value] of Object.entries(env as Record<string, unknown>)) {
    checkVariableName(option, name);
    if (typeof value !== "string") {
      throw invalid(`${option}.${name}`, `${option}.${name} must be a string, got ${kindOf(value)}`);
    }
    if (value.includes("\0")) throw invalid(`${option}.${name}`, `${option}.${name} must not hold a NUL byte`);
  }
  return env as Environment;
}

/** @throws {ValidationError} `INVALID_OPTION` for what cannot be the name of a variable. */
export function checkVariableName(option: string, name: unknown): string {
  if (typeof name === "string" && /^[^=\0]+$/.test(name)) return name;
  // Who gives `NAME=value` as a name gives a value with it.
  const came = typeof name === "string" && name.includes("=") ? `${name.slice(0, name.indexOf("="))}=…` : name;
  throw invalid(option, `${option} must have names without '=' and NUL bytes, got ${describe(came)}`);
}

/**
 * Refuses more variables of a VM than one request can tell its guest.
 *
 * @throws {ValidationError} `INVALID_OPTION`.
 */
export function checkEnvironmentSize(option: string, env: Environment): void {
  let sizeBytes = 0;
  for (const [name, value] of Object.entries(env)) sizeBytes += Buffer.byteLength(`${name}=${value}`) + OVERHEAD_BYTES;
  if (sizeBytes <= MAX_ENVIRONMENT_BYTES) return;
  throw new ValidationError(
    "INVALID_OPTION",
    `${option} would take ${sizeBytes} bytes with all variables of the VM, and a VM holds ${MAX_ENVIRONMENT_BYTES}`,
    {
      hint: "Put large values into files in the VM.",
      details: { option, sizeBytes, maxBytes: MAX_ENVIRONMENT_BYTES },
    },
  );
}

function kindOf(value: unknown): string {
  return value === null ? "null" : value === undefined ? "undefined" : `a ${typeof value}`;
}

function invalid(option: string, message: string): ValidationError {
  return new ValidationError("INVALID_OPTION", message, { details: { option } });
}
