import { describe } from "../../config/vm-id.ts";
import { ValidationError } from "../../errors/smolvm-error.ts";
import { encodeRequest } from "../channel/request-frame.ts";
import { type GuestUser, whoFields } from "../identity/who-fields.ts";
import type { Field } from "../protocol/fields.ts";
import { DEFAULT_WINDOW_BYTES, ExecFlag, MAX_CREDIT_BYTES, Method, Tag } from "../protocol/frame-types.ts";
import { environmentFields, refuseNul } from "./environment-fields.ts";
import { type TerminalSize, terminalSizeFields } from "./terminal-size.ts";

/** What a command is started with. */
export interface ExecEnvironment {
  /** Added to the VM's own variables, and stronger than they. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Absolute path in the guest; the user's home where it can be entered, else `/`. */
  readonly cwd?: string | undefined;
  /** Root where it is left out. */
  readonly user?: GuestUser | undefined;
  /** Whether the command gets an input stream; without one, its stdin is `/dev/null`. Default false. */
  readonly stdin?: boolean | undefined;
  /** Gives the command a terminal of this size, which is its input and its one output. */
  readonly tty?: TerminalSize | undefined;
  /** Whether it outlives this session. */
  readonly detached?: boolean | undefined;
  /** Of a detached command. */
  readonly name?: string | undefined;
  /** How much unread output of each stream the guest may send. Default 262,144. */
  readonly windowBytes?: number | undefined;
}

/** Checks a command and encodes its request; throws `ValidationError` before anything is sent. */
export function encodeExec(argv: readonly string[], options: ExecEnvironment): Buffer {
  const fields: Field[] = [{ tag: Tag.METHOD, value: Method.EXEC }, ...argumentFields(argv)];
  if (options.env !== undefined) fields.push(...environmentFields(options.env));
  if (options.cwd !== undefined) fields.push({ tag: Tag.CWD, value: checkedCwd(options.cwd) });
  fields.push(...whoFields("user", options.user));
  if (options.tty !== undefined) fields.push(...terminalSizeFields(options.tty));
  if (options.name !== undefined) fields.push({ tag: Tag.NAME, value: options.name });
  const flags =
    (options.stdin === true ? ExecFlag.INPUT : 0) |
    (options.tty === undefined ? 0 : ExecFlag.TTY) |
    (options.detached === true ? ExecFlag.DETACHED : 0);
  if (flags !== 0) fields.push({ tag: Tag.FLAGS, value: flags });
  const windowBytes = options.windowBytes ?? DEFAULT_WINDOW_BYTES;
  if (!Number.isInteger(windowBytes) || windowBytes < 1 || windowBytes > MAX_CREDIT_BYTES) {
    throw new ValidationError("INVALID_OPTION", `windowBytes is ${windowBytes}: expected 1 to ${MAX_CREDIT_BYTES}`);
  }
  if (windowBytes !== DEFAULT_WINDOW_BYTES) fields.push({ tag: Tag.WINDOW, value: windowBytes });
  return encodeRequest(
    "the command with its arguments and environment",
    fields,
    "Write the script or the data to a file in the VM first, or give it to the command as stdin.",
  );
}

function argumentFields(argv: readonly unknown[]): Field[] {
  if (argv.length === 0 || argv[0] === "") {
    throw new ValidationError("INVALID_OPTION", "a command needs a name to start");
  }
  return argv.map((arg, index) => {
    const what = `argument ${index} of the command`;
    if (typeof arg !== "string") {
      throw new ValidationError("INVALID_OPTION", `${what} must be a string, got ${describe(arg)}`);
    }
    refuseNul(what, arg);
    return { tag: Tag.ARG, value: arg };
  });
}

function checkedCwd(cwd: unknown): string {
  if (typeof cwd !== "string" || !cwd.startsWith("/")) {
    throw new ValidationError(
      "INVALID_PATH",
      `the working directory ${describe(cwd)} is not an absolute path in the guest`,
      { hint: "Give an absolute path of a directory that exists inside the VM." },
    );
  }
  refuseNul("the working directory", cwd);
  return cwd;
}
