import { lstatSync, mkdirSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Keeps compiled code in `$XDG_CACHE_HOME/smolvm/compile-cache`, so that the next start need not compile it again. What
 * `$NODE_COMPILE_CACHE` and `$NODE_DISABLE_COMPILE_CACHE` say takes precedence.
 */
export function useCompileCache(): void {
  try {
    const dir = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "smolvm/compile-cache");
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    // Code in a directory of somebody else (`sudo` with the user's HOME) would run as us.
    if (lstatSync(dir).uid === process.geteuid?.()) enableCompileCache(dir);
  } catch {
    // No home directory, or none that can be written: a slower start is all that comes of it.
  }
}
