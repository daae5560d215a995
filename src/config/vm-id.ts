import { ValidationError } from "../errors/smolvm-error.ts";

/** What a VM's id looks like; also safe as a file name and as a host name. */
export const VM_ID_PATTERN: RegExp = /^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$/;

// Without vowels and look-alikes, so that no id reads as a word or is typed wrongly.
const ALPHABET = "bcdfghjkmnpqrstvwxz23456789";
const RANDOM_CHARACTERS = 10;

/** A new id: `sbx-` and ten random characters (27¹⁰ ≈ 2·10¹⁴ of them). */
export function generateVmId(): string {
  return generateId("sbx-");
}

/** A new id: the prefix and ten random characters. */
export function generateId(prefix: string): string {
  let id = prefix;
  const length = prefix.length + RANDOM_CHARACTERS;
  while (id.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(16))) {
      // Bytes from the last, incomplete run of the alphabet would favour its first letters.
      if (byte >= 256 - (256 % ALPHABET.length) || id.length >= length) continue;
      id += ALPHABET.charAt(byte % ALPHABET.length);
    }
  }
  return id;
}

/** @throws {ValidationError} `INVALID_OPTION` when `vmId` is not one. */
export function checkVmId(vmId: unknown): string {
  if (typeof vmId === "string" && VM_ID_PATTERN.test(vmId)) return vmId;
  throw new ValidationError("INVALID_OPTION", `vmId must match ${VM_ID_PATTERN.source}, got ${describe(vmId)}`, {
    hint: "Use up to 63 lower-case letters, digits, '-' and '_'.",
    details: { option: "vmId" },
  });
}

/** A value as an error message shows it: short, and never a whole object. */
export function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return String(value);
}
