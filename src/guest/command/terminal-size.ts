import { describe } from "../../config/vm-id.ts";
import { ValidationError } from "../../errors/smolvm-error.ts";
import type { Field } from "../protocol/fields.ts";
import { Tag } from "../protocol/frame-types.ts";

/** The size of a terminal in characters, 1 to 65,535 each. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** What terminals have for a size when nobody says one. */
export const DEFAULT_TERMINAL_SIZE: TerminalSize = Object.freeze({ columns: 80, rows: 24 });

/** Checks a size and makes its fields. */
export function terminalSizeFields(size: TerminalSize): Field[] {
  for (const option of ["columns", "rows"] as const) {
    const value: unknown = size[option];
    if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > 65_535) {
      throw new ValidationError(
        "INVALID_OPTION",
        `${option} must be a whole number from 1 to 65535, got ${describe(value)}`,
        {
          details: { option },
        },
      );
    }
  }
  return [
    { tag: Tag.COLUMNS, value: size.columns },
    { tag: Tag.ROWS, value: size.rows },
  ];
}
