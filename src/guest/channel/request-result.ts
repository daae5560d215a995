import { SmolVMError, ValidationError } from "../../errors/smolvm-error.ts";
import { cleanGuestText } from "./guest-text.ts";
import { FieldReader } from "../protocol/fields.ts";
import { Status, statusName, Tag } from "../protocol/frame-types.ts";
import { protocolViolation } from "../protocol/protocol-violation.ts";

/** What a RESULT frame says. */
export interface RequestResult {
  readonly status: number;
  readonly errno: number | undefined;
  /** Already fit for messages. */
  readonly message: string | undefined;
  readonly exitCode: number | undefined;
  readonly signalNumber: number | undefined;
  readonly durationUs: bigint | undefined;
}

/** Reads the payload of a RESULT; nothing of it is kept. */
export function parseResult(payload: Uint8Array): RequestResult {
  const fields = new FieldReader(payload);
  const status = fields.u32(Tag.STATUS);
  if (status === undefined) throw protocolViolation("a RESULT has no STATUS");
  const message = fields.text(Tag.MESSAGE);
  return {
    status,
    errno: fields.u32(Tag.ERRNO),
    message: message === undefined ? undefined : cleanGuestText(message),
    exitCode: fields.u32(Tag.EXIT_CODE),
    signalNumber: fields.u32(Tag.SIGNAL),
    durationUs: fields.u64(Tag.DURATION_US),
  };
}

/** The error for a RESULT whose status is not OK. `details.status` holds the status by name. */
export function resultError(
  what: string,
  result: RequestResult,
  details: Readonly<Record<string, unknown>>,
): SmolVMError {
  const status = statusName(result.status);
  const reason = result.message === undefined || result.message === "" ? "" : `: ${result.message}`;
  const options = { details: { status, ...(result.errno === undefined ? {} : { errno: result.errno }), ...details } };
  if (result.status === Status.BAD_CWD) {
    const message = `the working directory ${JSON.stringify(details["cwd"])} cannot be entered in the guest${reason}`;
    return new ValidationError("INVALID_PATH", message, {
      ...options,
      hint: "Give an absolute path of a directory that exists inside the VM.",
    });
  }
  return new SmolVMError("GUEST_ERROR", `the guest answered ${what} with ${status}${reason}`, options);
}
