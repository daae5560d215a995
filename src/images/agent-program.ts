import { createHash } from "node:crypto";
import { access, constants, cp, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { HostError, ValidationError } from "../errors/smolvm-error.ts";
import { findProgram } from "../host/find-program.ts";
import { acquireLock } from "../process/claim-lock.ts";
import type { GuestArch } from "./image.ts";
import type { ImageStore } from "./image-store.ts";
import { runTool } from "./run-tool.ts";

/** The guest agent's program, in memory: what is built in and what is noted of it are the same bytes. */
export interface AgentProgram {
  readonly bytes: Buffer;
  readonly sha256: string;
  readonly version: string;
}

/** Both of `src/images` and of `dist/images`, where this file is once compiled. */
const AGENT_DIR: string = fileURLToPath(new URL("../../guest/agent", import.meta.url));

/**
 * Reads the guest agent's program. Its version is in the file `VERSION` two directories above it, else "unknown".
 *
 * @throws {ValidationError} `INVALID_OPTION` when the path is no ELF file that can be read.
 */
export async function readAgentProgram(path: string): Promise<AgentProgram> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new ValidationError("INVALID_OPTION", `the guest agent ${path} cannot be read`, { cause, details: { path } });
  });
  if (bytes.toString("latin1", 0, 4) !== "\x7fELF") {
    throw new ValidationError(
      "INVALID_OPTION",
      `expected the guest agent ${path} to be an ELF program, got another file`,
    );
  }
  const version = await readFile(join(dirname(path), "../../VERSION"), "utf8").catch(() => "unknown");
  return { bytes, sha256: createHash("sha256").update(bytes).digest("hex"), version: version.trim() };
}

/**
 * Reads this package's own guest agent, built from its sources where it is absent or older than they are.
 *
 * Where the sources cannot be written (a package installed by root) and hold no program, it is built in a copy in the
 * store's staging area.
 *
 * @throws {HostError} `PREREQUISITE_MISSING` when it must be built and `make` is not installed.
 * @throws {ImageError} `IMAGE_BUILD_FAILED` with the compiler's output.
 */
export async function readOwnAgentProgram(options: {
  readonly arch: GuestArch;
  readonly store: ImageStore;
  readonly signal?: AbortSignal | undefined;
}): Promise<AgentProgram> {
  const { arch, store, signal } = options;
  const pathIn = (dir: string): string => join(dir, "build", arch, "smolvm-agent");
  const [isBuilt, isWritable] = await Promise.all([
    may(pathIn(AGENT_DIR), constants.R_OK),
    may(AGENT_DIR, constants.W_OK),
  ]);
  const canMake = findProgram("make") !== undefined;
  if (isBuilt && (!canMake || !isWritable)) return await readAgentProgram(pathIn(AGENT_DIR));
  if (!canMake) {
    throw new HostError(
      "PREREQUISITE_MISSING",
      `the guest agent ${pathIn(AGENT_DIR)} is not built, and make is not installed`,
    );
  }
  await store.ensureDir();
  if (isWritable) {
    await using _lock = await acquireLock(store.lockPath("agent"), { signal });
    await runTool(["make", "--silent", "-C", AGENT_DIR, arch], { signal });
    return await readAgentProgram(pathIn(AGENT_DIR));
  }
  await using staging = await store.createStaging();
  const copy = join(staging.path, "agent");
  await cp(AGENT_DIR, copy, { recursive: true });
  await runTool(["make", "--silent", "-C", copy, arch], { signal });
  return await readAgentProgram(pathIn(copy));
}

async function may(path: string, mode: number): Promise<boolean> {
  return await access(path, mode).then(
    () => true,
    () => false, // that is the answer
  );
}
