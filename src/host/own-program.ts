import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * The file of the command line that belongs to this library, among the sources or in the package; undefined where somebody has
 * bundled the library into a program of their own.
 */
export function ownProgram(): string | undefined {
  const path = fileURLToPath(new URL(`../cli/main${import.meta.url.slice(-3)}`, import.meta.url));
  return existsSync(path) ? path : undefined;
}
