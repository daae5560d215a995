import { SmolVMError } from "../../errors/smolvm-error.ts";
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
  /** The method's own fields. */
  readonly fields: FieldReader;
}

/** Reads the payload of a RESULT, of which a copy is kept. */
export function parseResult(payload: Uint8Array): RequestResult {
  const fields = new FieldReader(Buffer.from(payload));
  const status = fields.u32(Tag.STATUS);
  if (status === undefined) throw protocolViolation("a RESULT has no STATUS");
  const message = fields.text(Tag.MESSAGE);
  return {
    status,
    errno: fields.u32(Tag.ERRNO),
    message: message === undefined ? undefined : cleanGuestText(message),
    fields,
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
  const options = {
    details: { status, ...(result.errno === undefined ? {} : { errno: result.errno }), ...details },
    // The guest's own sentence says what is wrong, but not that the cure is on this side.
    ...(result.status === Status.UNKNOWN_METHOD
      ? { hint: "The image is older than this package: build it again." }
      : {}),
  };
  return new SmolVMError("GUEST_ERROR", `the guest answered ${what} with ${status}${reason}`, options);
}
