import { describe } from "../../config/vm-id.ts";
import { ValidationError } from "../../errors/smolvm-error.ts";

const SLASH = 0x2f;
const UP = "..";

/** Which symbolic links a download makes. */
export type SymlinkPolicy = "inside" | "all" | "none";

/** @throws {ValidationError} `INVALID_OPTION`. */
export function checkPolicy(policy: SymlinkPolicy): SymlinkPolicy {
  if (policy === "inside" || policy === "all" || policy === "none") return policy;
  throw new ValidationError("INVALID_OPTION", `symlinks must be "inside", "all" or "none", got ${describe(policy)}`, {
    details: { option: "symlinks" },
  });
}

/**
 * Why a link is left out, or undefined where it is made.
 *
 * @param depth - how many directories of the tree are between it and the root; -1 for a link that is the root itself, whose
 * neighbours are outside.
 */
export function whyNotLink(policy: SymlinkPolicy, target: Buffer, depth: number): string | undefined {
  if (policy === "all") return undefined;
  if (policy === "none") return "symbolic links are left out";
  return staysInside(target, depth) ? undefined : "the symbolic link may lead outside of the downloaded directory";
}

/**
 * Whether a link surely stays inside, judged by its text: it is relative, and its `..` come first and are no more than it is deep.
 * A `..` behind a name cannot be judged, as that name may itself be a link.
 */
function staysInside(target: Buffer, depth: number): boolean {
  if (target[0] === SLASH) return false;
  const parts = target
    .toString("latin1")
    .split("/")
    .filter((part) => part !== "" && part !== ".");
  const ups = parts.findIndex((part) => part !== UP);
  const leading = ups === -1 ? parts.length : ups;
  return depth >= 0 && leading <= depth && !parts.slice(leading).includes(UP);
}
