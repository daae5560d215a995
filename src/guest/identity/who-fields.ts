import { describe } from "../../config/vm-id.ts";
import { ValidationError } from "../../errors/smolvm-error.ts";
import type { Field } from "../protocol/fields.ts";
import { Tag } from "../protocol/frame-types.ts";

/**
 * A user of the guest: a name in its `/etc/passwd`, or numbers, as `{ uid, gid }` or as text: `"1000"`, `"1000:1000"`. Without a group,
 * that of the user is looked up in the guest.
 */
export type GuestUser = string | { readonly uid: number; readonly gid?: number };

/** 2³²−1 is not an id: to setresuid(2) it means "leave it". */
const MAX_ID = 0xffff_fffe;

/**
 * The fields that say as whom something is done in the guest, or to whom it belongs; none for undefined.
 *
 * @param option - how an error message names it.
 * @throws {ValidationError} `INVALID_OPTION`.
 */
export function whoFields(option: "user" | "owner", user: GuestUser | undefined): Field[] {
  if (user === undefined) return [];
  if (typeof user === "string" && /^[^:\0/\s\d][^:\0/\s]*$/.test(user)) return [{ tag: Tag.USER, value: user }];
  const { uid, gid } = toNumbers(user);
  if (!isId(uid) || !(gid === undefined || isId(gid))) {
    throw new ValidationError(
      "INVALID_OPTION",
      `${option} must be a name, a uid, uid:gid or { uid, gid }, got ${describe(user)}`,
      { hint: "A group is given by its number, together with the number of the user.", details: { option } },
    );
  }
  return [{ tag: Tag.UID, value: uid }, ...(gid === undefined ? [] : [{ tag: Tag.GID, value: gid }])];
}

function toNumbers(user: unknown): { readonly uid?: number; readonly gid?: number | undefined } {
  if (typeof user === "object" && user !== null) return user;
  const [, uid, gid] = (typeof user === "string" && /^(\d+)(?::(\d+))?$/.exec(user)) || [];
  return { ...(uid === undefined ? {} : { uid: Number(uid) }), gid: gid === undefined ? undefined : Number(gid) };
}

function isId(id: unknown): id is number {
  return typeof id === "number" && Number.isInteger(id) && id >= 0 && id <= MAX_ID;
}
