import { checkVmId } from "../../config/vm-id.ts";
import { ValidationError } from "../../errors/smolvm-error.ts";
import { checkGuestPath } from "../../guest/files/guest-path.ts";

/** One end of a copy: a path on this machine, a path in a VM, or a tar stream on stdin or stdout. */
export type Place =
  | { readonly kind: "host"; readonly path: string }
  | { readonly kind: "guest"; readonly vmId: string; readonly path: string }
  | { readonly kind: "tar" };

/**
 * What `smolvm cp` was given. `ID:/path` is in a VM; a name of this machine that holds a colon is written `./a:b`.
 *
 * @throws {ValidationError} for an id or a path that cannot be one.
 */
export function parsePlace(text: string): Place {
  if (text === "-") return { kind: "tar" };
  const colon = text.indexOf(":");
  if (colon === -1 || /[/.]/.test(text.slice(0, colon))) return { kind: "host", path: text };
  return { kind: "guest", vmId: checkVmId(text.slice(0, colon)), path: checkGuestPath(text.slice(colon + 1)) };
}

/** A copy between this machine and a VM, whichever way. */
export type Copy =
  | { readonly way: "in"; readonly from: Exclude<Place, { kind: "guest" }>; readonly to: Place & { kind: "guest" } }
  | { readonly way: "out"; readonly from: Place & { kind: "guest" }; readonly to: Exclude<Place, { kind: "guest" }> };

/** @throws {ValidationError} `INVALID_OPTION` unless exactly one end is in a VM. */
export function parseCopy(source: string, destination: string): Copy {
  const [from, to] = [parsePlace(source), parsePlace(destination)];
  if (from.kind !== "guest" && to.kind === "guest") return { way: "in", from, to };
  if (from.kind === "guest" && to.kind !== "guest") return { way: "out", from, to };
  throw new ValidationError(
    "INVALID_OPTION",
    from.kind === "guest" ? "source and destination are both in a VM" : "neither source nor destination is in a VM",
    { hint: "Write the one in the VM as ID:/path. From VM to VM: smolvm cp A:/x - | smolvm cp - B:/dir" },
  );
}

/** The last component of a path, under which it goes into a directory; empty where the path means what is in it: `.`, `dir/.`, `/`. */
export function lastName(path: string): string {
  const name = /([^/]*)\/*$/.exec(path)?.[1] ?? "";
  return name === "." || name === ".." ? "" : name;
}
