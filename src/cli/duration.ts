import { ValidationError } from "../errors/smolvm-error.ts";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, "": 1_000, m: 60_000, h: 3_600_000 };

/**
 * Milliseconds of a duration as users type it: `500ms`, `2s`, `1.5m`, `1h`; a bare number is seconds.
 *
 * @throws {ValidationError} `INVALID_OPTION`.
 */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|)$/.exec(text);
  const durationMs = Number(match?.[1]) * (UNITS[match?.[2] ?? ""] ?? Number.NaN);
  if (durationMs > 0 && durationMs < 2 ** 31) return durationMs;
  throw new ValidationError(
    "INVALID_OPTION",
    `a duration must look like 500ms, 2s, 1.5m or 1h and be above 0, got ${JSON.stringify(text)}`,
  );
}
