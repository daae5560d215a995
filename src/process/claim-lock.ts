import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { identifySelf, isProcessAlive, type ProcessIdentity } from "./process-identity.ts";

/** Builds take tens of seconds, and one process has no event for another's; this is soon enough and costs nothing. */
const POLL_INTERVAL_MS = 200;
/** Two that come at the same moment both step back; chance then sends one of them first. */
const STEP_BACK_MS = 20;
const CLAIM_SUFFIX = ".claim";

/**
 * Waits until this process alone holds the lock `path`; disposing gives it back.
 *
 * Whoever wants the lock puts a file of its own beside `path`, a claim, and then looks at the claims of others: of two that
 * come at once, the later one to look sees the other, so at most one finds itself alone and holds the lock; who is not alone
 * takes the claim back and tries again. Claims of dead processes do not count. No file is ever shared, so nothing has to be
 * taken over, which is where such locks go wrong.
 *
 * @throws the signal's reason when it fires first.
 */
export async function acquireLock(
  path: string,
  options: { readonly signal?: AbortSignal | undefined; readonly onWait?: (holder: ProcessIdentity) => void } = {},
): Promise<AsyncDisposable> {
  await mkdir(dirname(path), { recursive: true });
  let hasWaited = false;
  for (;;) {
    options.signal?.throwIfAborted();
    let holder = await findLiveClaim(path);
    if (holder === undefined) {
      const ownPath = await makeClaim(path);
      holder = await findLiveClaim(path, ownPath);
      if (holder === undefined) return { [Symbol.asyncDispose]: () => rm(ownPath, { force: true }) };
      await rm(ownPath, { force: true });
      await sleep(Math.random() * STEP_BACK_MS);
      continue;
    }
    if (!hasWaited) options.onWait?.(holder);
    hasWaited = true;
    await sleep(POLL_INTERVAL_MS, undefined, options.signal ? { signal: options.signal } : {}).catch(() => {
      // Sleep rejects with an error of its own; the loop throws the signal's reason.
    });
  }
}

/** Removes what dead processes left of their claims on the locks in a directory. */
export async function removeDeadClaims(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []); // never made
  for (const name of names) {
    const path = join(directory, name);
    const isWhole = name.endsWith(CLAIM_SUFFIX);
    const holder = await readClaim(path);
    // One that is being written says by its name alone whose it is.
    const isDead = isWhole ? holder !== undefined && !isProcessAlive(holder) : !isPidInUse(pidOf(name));
    if (isDead) await rm(path, { force: true });
  }
}

function pidOf(claim: string): number {
  return Number(/\.(\d+)-[0-9a-f]+$/.exec(claim)?.[1] ?? process.pid);
}

function isPidInUse(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Makes a claim of this process; it is complete from the first moment. */
async function makeClaim(path: string): Promise<string> {
  const ownPath = `${path}.${process.pid}-${randomBytes(6).toString("hex")}`;
  await writeFile(ownPath, JSON.stringify(identifySelf()));
  await rename(ownPath, ownPath + CLAIM_SUFFIX);
  return ownPath + CLAIM_SUFFIX;
}

/** Who else claims the lock, if anybody that lives does. Claims of the dead are removed: their names are never used again. */
async function findLiveClaim(path: string, ownPath?: string): Promise<ProcessIdentity | undefined> {
  const names = await readdir(dirname(path));
  for (const name of names) {
    const claimPath = join(dirname(path), name);
    if (!name.startsWith(`${basename(path)}.`) || !name.endsWith(CLAIM_SUFFIX) || claimPath === ownPath) continue;
    const holder = await readClaim(claimPath);
    if (holder === undefined) continue;
    if (isProcessAlive(holder)) return holder;
    await rm(claimPath, { force: true });
  }
  return undefined;
}

async function readClaim(path: string): Promise<ProcessIdentity | undefined> {
  try {
    const value = JSON.parse(await readFile(path, "utf8")) as Partial<ProcessIdentity> | null;
    return { pid: value?.pid ?? 0, birth: value?.birth ?? "" };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined; // just given back
    return { pid: 0, birth: "unreadable" }; // written by nobody that lives
  }
}
