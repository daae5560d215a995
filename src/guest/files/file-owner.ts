import { describe } from "../../config/vm-id.ts";
import { ValidationError } from "../../errors/smolvm-error.ts";
import type { Field } from "../protocol/fields.ts";
import { whoFields } from "../identity/who-fields.ts";
import { Tag } from "../protocol/frame-types.ts";

/** Who owns a file: the name of a user in the guest, whose group it gets too, `"uid"`, `"uid:gid"`, or two numbers. */
export type FileOwner = string | { readonly uid: number; readonly gid: number };

/** The fields of an owner. @throws {ValidationError} `INVALID_OPTION`. */
export function ownerFields(owner: FileOwner | undefined): Field[] {
  if (owner === undefined) return [];
  if (typeof owner === "string") return whoFields(owner);
  if (typeof owner === "object" && owner !== null && isId(owner.uid) && isId(owner.gid)) {
    return [
      { tag: Tag.UID, value: owner.uid },
      { tag: Tag.GID, value: owner.gid },
    ];
  }
  throw new ValidationError(
    "INVALID_OPTION",
    `owner must be the name of a user or { uid, gid } with whole numbers, got ${describe(owner)}`,
    { details: { option: "owner" } },
  );
}

/** 2³²−1 is not an id: it tells chown(2) to leave the owner alone. */
function isId(id: unknown): id is number {
  return Number.isInteger(id) && (id as number) >= 0 && (id as number) < 0xffff_ffff;
}
