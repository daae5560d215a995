/** A directory tree whose files have a guest's owners. */
export interface RootTree {
  readonly dir: string;
  /** What to put before a command that reads or changes the tree: it then is root of the tree's owners. */
  readonly prefix: readonly string[];
}

/**
 * What makes a command root of trees that this user builds: nothing for root; for others a user namespace with their
 * subordinate ids (unshare(1) of util-linux 2.38 or newer, and an entry in /etc/subuid).
 */
export function ownTreePrefix(): readonly string[] {
  return process.geteuid?.() === 0 ? [] : ["unshare", "--map-root-user", "--map-auto", "--"];
}

/**
 * What gives a command mounts that nobody else sees, and that are gone with it however it ends. As root mmdebstrap mounts the
 * host's /dev/shm into the tree: left there by a build that was killed, it would be removed with the tree. For others the user
 * namespace that mmdebstrap makes has the same effect.
 */
export function ownMountsPrefix(): readonly string[] {
  return process.geteuid?.() === 0 ? ["unshare", "--mount", "--propagation=private", "--"] : [];
}
