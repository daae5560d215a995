import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A path for a Unix socket in a directory of its own, which `remove` takes away again. */
export function temporarySocketPath(): { readonly path: string; readonly remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), "smolvm-guest-"));
  return { path: join(directory, "agent.sock"), remove: () => rmSync(directory, { recursive: true, force: true }) };
}
