import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, lstatSync, mkdirSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join, resolve, sep } from "node:path";
import { HostError } from "../errors/smolvm-error.ts";

/** unix(7): `sun_path` holds 108 bytes with its NUL on Linux, 104 on macOS. */
const MAX_SOCKET_PATH_BYTES = 103;

/** The longest name of a socket in a VM's directory. */
const LONGEST_SOCKET_NAME = "qmp.sock";

/**
 * The data directory: the argument, else `$SMOLVM_DATA_DIR`, else `~/.local/state/smolvm`, else `/var/lib/smolvm` (where
 * the home directory cannot be written). Absolute; not created.
 */
export function resolveDataDir(dataDir?: string, env: NodeJS.ProcessEnv = process.env): string {
  const chosen = dataDir ?? env["SMOLVM_DATA_DIR"];
  if (chosen) return resolve(chosen);
  const inHome = join(homedir(), ".local/state/smolvm");
  return isCreatable(inHome) ? inHome : "/var/lib/smolvm";
}

/**
 * The image directory: the argument, else `$SMOLVM_IMAGE_DIR`, else `$XDG_CACHE_HOME/smolvm/images`, else
 * `~/.cache/smolvm/images`. Absolute; not created.
 */
export function resolveImageDir(imageDir?: string, env: NodeJS.ProcessEnv = process.env): string {
  const chosen = imageDir ?? env["SMOLVM_IMAGE_DIR"];
  if (chosen) return resolve(chosen);
  return join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "smolvm/images");
}

/** The directory of sockets: the argument, else `sockets` in the data directory. Absolute; not created. */
export function resolveSocketDir(dataDir: string, socketDir?: string): string {
  return socketDir === undefined ? join(dataDir, "sockets") : resolve(socketDir);
}

/**
 * The directory of one VM's sockets: in `socketDir` where paths stay short enough for a Unix socket, else a private one in
 * the system's temporary directory. The same for every process that asks.
 */
export function vmSocketDir(dataDir: string, socketDir: string, vmId: string): string {
  const hash = createHash("sha256").update(`${dataDir}/${vmId}`).digest("hex").slice(0, 16);
  const candidates = [
    // Outside the data directory the name tells data directories apart, as several may share one socket directory.
    join(socketDir, socketDir.startsWith(dataDir + sep) ? vmId : `smolvm-${hash}`),
    join(tmpdir(), `smolvm-${hash}`),
    `/tmp/smolvm-${hash}`,
  ] as const;
  return (
    candidates.find((path) => Buffer.byteLength(join(path, LONGEST_SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES) ??
    candidates[2]
  );
}

/**
 * Makes a directory that only its owner can enter. One that exists must be ours and a real directory: others can make
 * names in a shared temporary directory before we do.
 *
 * @throws {HostError} `IO_ERROR` when it cannot be made or belongs to somebody else.
 */
export function makePrivateDir(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new HostError("IO_ERROR", `the directory ${path} cannot be made: ${(cause as Error).message}`, { cause });
  }
  const stats = lstatSync(path);
  if (!stats.isDirectory() || (process.getuid !== undefined && stats.uid !== process.getuid())) {
    throw new HostError("IO_ERROR", `${path} must be a directory of this user, and is not`, { details: { path } });
  }
}

function isCreatable(path: string): boolean {
  let existing = path;
  while (!existsSync(existing) && existing !== dirname(existing)) existing = dirname(existing);
  try {
    accessSync(existing, constants.W_OK);
    return true;
  } catch {
    return false; // the answer
  }
}
