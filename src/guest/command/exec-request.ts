import { describe } from "../../config/vm-id.ts";
import { ValidationError } from "../../errors/smolvm-error.ts";
import { environmentFields, refuseNul } from "./environment-fields.ts";
import type { Field } from "../protocol/fields.ts";
import { DEFAULT_WINDOW_BYTES, ExecFlag, MAX_CREDIT_BYTES, Method, Tag } from "../protocol/frame-types.ts";
import { encodeRequest } from "../channel/request-frame.ts";

/** What a command is started with. */
export interface ExecEnvironment {
  /** Added to the VM's own variables, and stronger than they. */
  readonly env?: Readonly<Record<string, string>>;
  /** Absolute path in the guest; `/root` where it exists, else `/`. */
  readonly cwd?: string;
  /** Whether the command gets an input stream; without one, its stdin is `/dev/null`. Default false. */
  readonly stdin?: boolean;
  /** How much unread output of each stream the guest may send. Default 262,144. */
  readonly windowBytes?: number;
}

/** Checks a command and encodes its request; throws `ValidationError` before anything is sent. */
export function encodeExec(argv: readonly string[], options: ExecEnvironment): Buffer {
  if (argv.length === 0 || argv[0] === "")
    throw new ValidationError("INVALID_OPTION", "a command needs a name to start");
  const fields: Field[] = [{ tag: Tag.METHOD, value: Method.EXEC }];
  for (const [index, arg] of argv.entries() as IterableIterator<[number, unknown]>) {
    if (typeof arg !== "string") {
      throw new ValidationError(
        "INVALID_OPTION",
        `argument ${index} of the command must be a string, got ${describe(arg)}`,
      );
    }
    refuseNul(`argument ${index} of the command`, arg);
    fields.push({ tag: Tag.ARG, value: arg });
  }
  if (options.env !== undefined) fields.push(...environmentFields(options.env));
  if (options.cwd !== undefined) fields.push({ tag: Tag.CWD, value: checkedCwd(options.cwd) });
  if (options.stdin === true) fields.push({ tag: Tag.FLAGS, value: ExecFlag.INPUT });
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

function checkedCwd(cwd: string): string {
  if (!cwd.startsWith("/")) {
    throw new ValidationError(
      "INVALID_PATH",
      `the working directory ${JSON.stringify(cwd)} is not an absolute path in the guest`,
      {
        hint: "Give an absolute path of a directory that exists inside the VM.",
      },
    );
  }
  refuseNul("the working directory", cwd);
  return cwd;
}
