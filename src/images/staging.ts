import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { ImageError } from "../errors/smolvm-error.ts";
import { ownTreePrefix } from "./own-tree.ts";
import { runTool } from "./run-tool.ts";
import { identifySelf, isProcessAlive, type ProcessIdentity } from "../process/process-identity.ts";

/** A directory for a build, gone when it is disposed of; the store takes its files away before. */
export interface StagingDir extends AsyncDisposable {
  readonly path: string;
}

/**
 * Makes an empty directory in the store's staging area. Its name says which process it belongs to, so that what a dead
 * one left can be told from what is being worked on.
 */
export async function createStagingDir(imageDir: string): Promise<StagingDir> {
  const path = join(imageDir, STAGING, stagingName(identifySelf()));
  await mkdir(path, { recursive: true });
  return { path, [Symbol.asyncDispose]: () => removeTree(path) };
}

/** Removes a directory of the store in one step for everybody else: it is moved away first, then deleted. */
export async function discardDir(imageDir: string, dir: string): Promise<void> {
  await using trash = await createStagingDir(imageDir);
  try {
    await rename(dir, join(trash.path, basename(dir)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    // Another process removed it at the same time.
  }
}

/** Deletes the staging directories of processes that are gone; answers with their names. */
export async function pruneStaging(imageDir: string): Promise<string[]> {
  const dir = join(imageDir, STAGING);
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return []; // nothing was ever built here
    throw error;
  });
  const dead = names.filter((name) => {
    const owner = parseStagingName(name);
    return owner !== undefined && !isProcessAlive(owner);
  });
  await Promise.all(dead.map((name) => removeTree(join(dir, name))));
  return dead;
}

/**
 * Deletes a tree, also one whose files belong to subordinate ids of a user who is not root.
 *
 * @throws {ImageError} `IMAGE_BUILD_FAILED` when something is mounted in it, which would be deleted with it.
 */
async function removeTree(path: string): Promise<void> {
  const [mounted] = mountsBelow(path);
  if (mounted !== undefined) {
    throw new ImageError("IMAGE_BUILD_FAILED", `${mounted} is mounted in what a dead build left; unmount it first`, {
      details: { path, mounted },
      hint: `Run \`umount "${mounted}"\`, and try again.`,
    });
  }
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if ((code !== "EACCES" && code !== "EPERM") || process.geteuid?.() === 0) throw error;
    await runTool([...ownTreePrefix(), "rm", "--recursive", "--force", path]);
  }
}

/** Where something is mounted below a directory, on Linux (proc_pid_mountinfo(5)). */
function mountsBelow(dir: string): readonly string[] {
  let mounts: string;
  try {
    mounts = readFileSync("/proc/self/mountinfo", "utf8");
  } catch {
    return []; // no Linux: nothing of ours mounts anything there
  }
  const points = mounts.split("\n").map((line) => line.split(" ")[4] ?? "");
  return points
    .map((point) => point.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCodePoint(parseInt(octal, 8))))
    .filter((point) => point.startsWith(`${dir}/`));
}

const STAGING = "staging";

function stagingName({ pid, birth }: ProcessIdentity): string {
  return `${pid}-${Buffer.from(birth).toString("base64url")}-${randomBytes(6).toString("hex")}`;
}

function parseStagingName(name: string): ProcessIdentity | undefined {
  const match = /^(\d+)-([\w-]+)-[0-9a-f]{12}$/.exec(name);
  const [, pid, birth] = match ?? [];
  if (pid === undefined || birth === undefined) return undefined;
  return { pid: Number(pid), birth: Buffer.from(birth, "base64url").toString() };
}
