import { SmolVMError, ValidationError } from "../../errors/smolvm-error.ts";
import { type RequestResult, resultError } from "../channel/request-result.ts";
import { Status, statusName } from "../protocol/frame-types.ts";
import type { ExecEnvironment } from "./exec-request.ts";

/** The error for a command that the guest did not start; `details.status` holds the guest's status by name. */
export function execError(argv: readonly string[], options: ExecEnvironment, result: RequestResult): SmolVMError {
  const command = argv[0] ?? "";
  const { cwd, user, name } = options;
  const what = `the command ${JSON.stringify(command)}`;
  const details = {
    status: statusName(result.status),
    ...(result.errno === undefined ? {} : { errno: result.errno }),
    command,
    ...(cwd === undefined ? {} : { cwd }),
  };
  switch (result.status) {
    case Status.NOT_FOUND:
      return new SmolVMError("COMMAND_NOT_FOUND", `${what} was not found in the guest`, {
        hint: notFoundHint(argv),
        details,
      });
    case Status.NOT_EXECUTABLE:
      return new SmolVMError("COMMAND_NOT_EXECUTABLE", `${what} cannot be executed in the guest${reason(result)}`, {
        details,
      });
    case Status.BAD_CWD:
      return new ValidationError(
        "INVALID_PATH",
        `the working directory ${JSON.stringify(cwd)} cannot be entered in the guest${reason(result)}`,
        { hint: "Give an absolute path of a directory that exists inside the VM.", details },
      );
    case Status.UNKNOWN_USER:
      return new SmolVMError("UNKNOWN_USER", `the guest has no user ${JSON.stringify(user)}`, {
        details: { ...details, user },
      });
    case Status.NAME_IN_USE:
      return new SmolVMError(
        "PROCESS_NAME_IN_USE",
        `a detached process named ${JSON.stringify(name ?? "")} runs already`,
        {
          details: { ...details, name },
        },
      );
    case Status.BUSY:
      if (options.detached !== true) return resultError(what, result, details);
      return new SmolVMError("GUEST_ERROR", "the guest holds as many detached processes as it can", {
        hint: "End some of them (`smolvm ps ID`, `smolvm kill ID PROCESS`), or attach to those that have ended.",
        details,
      });
    default:
      return resultError(what, result, details);
  }
}

/** What most likely went wrong with a name that no program has. */
function notFoundHint(argv: readonly string[]): string {
  const name = argv[0] ?? "";
  if (argv.length === 1 && /\s/.test(name)) {
    const words = JSON.stringify(name.trim().split(/\s+/));
    return `A list runs without a shell, and this one is the name of one program with spaces in it. Give the command line as a string, or its words as a list: ${words}.`;
  }
  if (name.includes("/"))
    return "Check the path in the VM; of a script, also the interpreter that its first line names.";
  return "No directory of PATH in the VM holds it. Install it in the VM, or give its absolute path.";
}

function reason(result: RequestResult): string {
  return result.message ? `: ${result.message}` : "";
}
