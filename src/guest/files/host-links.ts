import { lutimes, rename, rm, symlink } from "node:fs/promises";
import { SmolVMError } from "../../errors/smolvm-error.ts";
import { temporaryPathBeside, timesOf } from "./host-file-writer.ts";
import { type HostPath, hostFileError } from "./host-path.ts";
import { type SymlinkPolicy, whyNotLink } from "./link-policy.ts";
import type { TreeEntry } from "./tree-entry.ts";

/** Memory for links that wait for the end of the tree: more than a million of ordinary length. */
const MAX_HELD_BYTES = 134_217_728;

/** The symbolic links of a download, kept until everything else is made, so that nothing is written through one. */
export class HostLinks {
  readonly #policy: SymlinkPolicy;
  readonly #links: { readonly path: HostPath; readonly entry: TreeEntry }[] = [];
  #heldBytes = 0;

  constructor(policy: SymlinkPolicy) {
    this.#policy = policy;
  }

  /** @returns why the link will not be made, or undefined. */
  keep(path: HostPath, entry: TreeEntry, depth: number): string | undefined {
    // What is left out is kept too, as a line of the result.
    this.#heldBytes += path.length + (entry.target?.length ?? 0);
    if (this.#heldBytes > MAX_HELD_BYTES) {
      throw new SmolVMError("TRANSFER_LIMIT", `the symbolic links of the tree take more than ${MAX_HELD_BYTES} bytes`, {
        hint: "Download parts of the tree.",
        details: { maxLinkBytes: MAX_HELD_BYTES },
      });
    }
    const reason = whyNotLink(this.#policy, entry.target ?? Buffer.alloc(0), depth);
    if (reason === undefined) this.#links.push({ path, entry });
    return reason;
  }

  /** Makes them. One replaces a file or another link; a directory in its place is an error. */
  async make(): Promise<void> {
    for (const { path, entry } of this.#links) {
      const temporary = temporaryPathBeside(path);
      try {
        await symlink(entry.target ?? "", temporary);
        await lutimes(temporary, ...timesOf(entry.mtimeNs));
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true });
        throw hostFileError("making the symbolic link", path, error);
      }
    }
  }
}
