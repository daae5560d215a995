import { cleanGuestText } from "./guest-text.ts";
import type { FieldReader } from "../protocol/fields.ts";
import { MAX_CREDIT_BYTES, PROTOCOL_VERSION, Tag } from "../protocol/frame-types.ts";
import { protocolViolation } from "../protocol/protocol-violation.ts";

const MAX_VERSION_CHARACTERS = 64;

/** What the guest says about itself at the start of a session. */
export interface Welcome {
  readonly agentVersion: string;
  readonly maxRequests: number;
  readonly inputWindowBytes: number;
}

/** Reads the fields of WELCOME; throws `PROTOCOL_ERROR` where they make no session possible. */
export function parseWelcome(fields: FieldReader): Welcome {
  const version = fields.u32(Tag.VERSION);
  const agentVersion = fields.text(Tag.AGENT);
  const maxRequests = fields.u32(Tag.MAX_REQUESTS);
  const inputWindowBytes = fields.u32(Tag.WINDOW);
  if (
    version === undefined ||
    agentVersion === undefined ||
    maxRequests === undefined ||
    inputWindowBytes === undefined
  ) {
    throw protocolViolation("its WELCOME lacks a field");
  }
  if (version < 1 || version > PROTOCOL_VERSION)
    throw protocolViolation(`its WELCOME chooses protocol version ${version}`);
  if (maxRequests < 1) throw protocolViolation("its WELCOME allows no requests");
  if (inputWindowBytes > MAX_CREDIT_BYTES) throw protocolViolation("its WELCOME gives too much credit");
  return { agentVersion: cleanGuestText(agentVersion, MAX_VERSION_CHARACTERS), maxRequests, inputWindowBytes };
}
