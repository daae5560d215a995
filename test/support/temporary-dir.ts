import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Whatever has an `after` hook: a test's context, or `node:test` itself inside `describe`. */
interface HasAfter {
  readonly after: (hook: () => void) => void;
}

/**
 * A fresh directory that is removed when the test (or suite) has ended.
 *
 * The driver points the temporary directory of all tests to one folder and looks at the end whether something is left
 * there. The name is short, since Unix sockets lie below it.
 */
export function temporaryDir(owner: HasAfter, prefix = "t-"): string {
  const path = mkdtempSync(join(tmpdir(), prefix));
  owner.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
