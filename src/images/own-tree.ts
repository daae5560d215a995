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
