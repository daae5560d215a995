import { fstatSync } from "node:fs";
import { isatty } from "node:tty";
import { ValidationError } from "../errors/smolvm-error.ts";

/** This program's stdin, as a command in a guest reads it. */
export interface LocalStdin extends Disposable {
  /** Undefined where the command reads nothing. */
  readonly source: NodeJS.ReadStream | undefined;
}

/**
 * Our stdin for a command in a guest: a pipe or a file is handed on, as to any local command; a terminal only where it
 * `mayBeTerminal`, so that a command that reads by mistake does not wait for keys.
 *
 * Disposing it lets this program end although nobody has closed the pipe.
 *
 * @throws {ValidationError} `INVALID_OPTION` for a directory, which nobody can read.
 */
export function localStdin(mayBeTerminal: boolean): LocalStdin {
  if (isatty(0) && !mayBeTerminal) return { source: undefined, [Symbol.dispose]: () => {} };
  if (fstatSync(0).isDirectory()) {
    throw new ValidationError("INVALID_OPTION", "stdin is a directory: expected a pipe, a file or a terminal", {
      hint: "Use `smolvm cp` for directories.",
    });
  }
  const source = process.stdin;
  return {
    source,
    [Symbol.dispose]: () => {
      // A read that fails now fails for nobody.
      source.on("error", () => {});
      source.destroy();
    },
  };
}
