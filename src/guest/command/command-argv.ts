import { describe } from "../../config/vm-id.ts";
import { ValidationError } from "../../errors/smolvm-error.ts";

/** A string for a shell, or a list that is executed as it is. */
export type Command = string | readonly string[];

/** Which shell a string goes to. `"login"`: one that reads the profile first, as after a login. */
export type CommandShell = "login";

/** The argv of a command. */
export function toArgv(command: Command, shell: CommandShell | undefined): readonly string[] {
  if (shell !== undefined && shell !== "login") {
    throw new ValidationError("INVALID_OPTION", `shell must be "login" or left out, got ${describe(shell)}`);
  }
  if (typeof command === "string") return ["/bin/sh", ...(shell === "login" ? ["-l"] : []), "-c", command];
  if (!Array.isArray(command)) {
    throw new ValidationError(
      "INVALID_OPTION",
      `a command must be a string or an array of strings, got ${describe(command)}`,
    );
  }
  if (shell !== undefined) {
    throw new ValidationError("INVALID_OPTION", "shell goes with a string: a list is executed without a shell", {
      hint: "Give the command as a string, or leave shell out.",
    });
  }
  return command;
}
