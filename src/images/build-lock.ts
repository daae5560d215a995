import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { identifySelf, isProcessAlive, type ProcessIdentity } from "../process/process-identity.ts";

/** Builds take tens of seconds, and one process has no event for another's; this is soon enough and costs nothing. */
const POLL_INTERVAL_MS = 200;

/**
 * Waits until this process alone holds the lock file `path`; disposing gives it back.
 *
 * The file names its holder, and the lock of a dead process counts as free. It keeps two processes from doing the same
 * work twice and nothing more: should two ever hold it (a lock taken over in the same instant by two others), both
 * build, and the store keeps one result.
 *
 * @throws the signal's reason when it fires first.
 */
export async function acquireLock(
  path: string,
  options: { readonly signal?: AbortSignal | undefined; readonly onWait?: (holder: ProcessIdentity) => void } = {},
): Promise<AsyncDisposable> {
  await mkdir(dirname(path), { recursive: true });
  const ownPath = `${path}.${process.pid}-${randomBytes(6).toString("hex")}`;
  await writeFile(ownPath, JSON.stringify(identifySelf()));
  let hasWaited = false;
  try {
    while (!(await tryLink(ownPath, path))) {
      options.signal?.throwIfAborted();
      const holder = await readHolder(path);
      if (holder !== undefined && !isProcessAlive(holder)) {
        await breakLock(path, holder);
        continue;
      }
      if (holder !== undefined && !hasWaited) options.onWait?.(holder);
      hasWaited = true;
      await sleep(POLL_INTERVAL_MS, undefined, options.signal ? { signal: options.signal } : {});
    }
  } catch (error) {
    options.signal?.throwIfAborted(); // sleep rejects with an error of its own
    throw error;
  } finally {
    await rm(ownPath, { force: true });
  }
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

/** link(2) fails when the name exists, and the file it makes is complete from the first moment. */
async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function readHolder(path: string): Promise<ProcessIdentity | undefined> {
  try {
    const value = JSON.parse(await readFile(path, "utf8")) as Partial<ProcessIdentity>;
    return { pid: value.pid ?? 0, birth: value.birth ?? "" };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined; // just given back
    return { pid: 0, birth: "unreadable" }; // written by nobody that lives
  }
}

/** Moves a dead holder's lock away; if somebody took it over meanwhile, theirs is put back. */
async function breakLock(path: string, dead: ProcessIdentity): Promise<void> {
  const awayPath = `${path}.dead-${randomBytes(6).toString("hex")}`;
  try {
    await rename(path, awayPath);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const holder = await readHolder(awayPath);
  if (holder !== undefined && (holder.pid !== dead.pid || holder.birth !== dead.birth)) await tryLink(awayPath, path);
  await rm(awayPath, { force: true });
}
