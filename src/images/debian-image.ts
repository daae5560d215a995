import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ValidationError } from "../errors/smolvm-error.ts";
import { type AgentProgram, readAgentProgram, readOwnAgentProgram } from "./agent-program.ts";
import { acquireLock } from "../process/claim-lock.ts";
import { assertBuildTools } from "./build-tools.ts";
import { buildDebianTree } from "./debian-rootfs.ts";
import { type HostApt, readDebianCodename, readHostApt } from "./host-apt.ts";
import { type GuestArch, type Image, IMAGE_FILE_NAMES } from "./image.ts";
import { assertImageName } from "./image-names.ts";
import type { ImageStore } from "./image-store.ts";
import { buildInitramfs } from "./initramfs.ts";
import { fetchKernelPackage, type KernelPackage } from "./kernel-package.ts";
import { makeExt4 } from "./make-ext4.ts";
import { openModuleTree } from "./module-tree.ts";
import { DEBIAN_PACKAGES, type DebianRecipe, digestRecipe, recipeUuid } from "./recipe.ts";
import { unpackKernel } from "./vmlinux.ts";

/** What a build is doing. The event that ends a phase has its duration. */
export interface BuildProgress {
  readonly phase: "prepare" | "wait" | "kernel" | "rootfs" | "filesystem" | "store" | "done";
  readonly message: string;
  readonly durationMs?: number;
}

/** How to build a Debian image. */
export interface BuildOptions {
  readonly store: ImageStore;
  /** The guest agent's static program for the host's architecture; default: this package's own. */
  readonly agentPath?: string | undefined;
  /** What the image is called; default `debian`. */
  readonly name?: string | undefined;
  /** Sets root's password and allows logging in with it; by default only keys are accepted. */
  readonly sshPassword?: string | undefined;
  /** Size of the root filesystem in the image; default: its content, a quarter more, and at least 100 MiB free. */
  readonly rootfsMiB?: number | undefined;
  readonly onProgress?: ((event: BuildProgress) => void) | undefined;
  /** Build although an image of the same recipe exists. */
  readonly force?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Builds the Debian image: kernel, initramfs with the guest agent, and a root filesystem with SSH server, curl,
 * certificates, iproute2, procps and Python, all from the host's own mirrors and of the host's own release.
 *
 * Returns at once when the store has an image of the same recipe (unless `force`). Of several processes that build the
 * same one, one does and the others wait for its result. Nothing is left behind by a build that fails or is aborted.
 *
 * @throws {ValidationError} `INVALID_OPTION` when the password cannot be one or the agent cannot be read.
 * @throws {HostError} `PREREQUISITE_MISSING` that names the programs and what installs them.
 * @throws {ImageError} `IMAGE_BUILD_FAILED` with the end of the failing program's output.
 */
export async function buildDebianImage(options: BuildOptions): Promise<Image> {
  const { agentPath, store, signal, onProgress } = options;
  signal?.throwIfAborted();
  assertPassword(options.sshPassword);
  if (options.name !== undefined) assertImageName(options.name);
  const agent = await (agentPath === undefined
    ? readOwnAgentProgram({ arch: hostArch(), store, signal })
    : readAgentProgram(agentPath));
  const name = options.name ?? "debian";
  const recipe: DebianRecipe = {
    arch: hostArch(),
    suite: await readDebianCodename(),
    packages: DEBIAN_PACKAGES,
    agentSha256: agent.sha256,
    rootfsMiB: options.rootfsMiB,
    sshPassword: options.sshPassword,
  };
  const recipeDigest = digestRecipe(recipe);
  const existing = options.force ? undefined : await findUsable(store, recipeDigest, name, signal);
  if (existing) return existing;

  await assertBuildTools(signal);
  await store.ensureDir();
  await using _lock = await acquireLock(store.lockPath(recipeDigest), {
    signal,
    onWait: ({ pid }) => onProgress?.({ phase: "wait", message: `process ${pid} builds the same image` }),
  });
  // Built by the process that was waited for.
  const built = options.force ? undefined : await findUsable(store, recipeDigest, name, signal);
  if (built) return built;
  return await build({ options, agent, recipe, recipeDigest, name });
}

async function build(plan: {
  readonly options: BuildOptions;
  readonly agent: AgentProgram;
  readonly recipe: DebianRecipe;
  readonly recipeDigest: string;
  readonly name: string;
}): Promise<Image> {
  const { options, agent, recipe, recipeDigest, name } = plan;
  const { store } = options;
  const startedAt = performance.now();
  // Both halves of the build stop when one fails, before the directory under them is removed.
  const failure = new AbortController();
  const signal = AbortSignal.any([failure.signal, ...(options.signal ? [options.signal] : [])]);
  const phase = phaseTimer(options.onProgress);

  await using staging = await store.createStaging();
  await using work = await store.createStaging();
  const apt = await phase("prepare", "reading apt's configuration", () => readHostApt(recipe.suite, signal));
  const halves = [
    phase("kernel", "downloading the kernel", () => buildKernel({ agent, recipe, apt, staging, work, signal })),
    buildRootfs({ recipe, recipeDigest, apt, staging, work, signal, phase, onProgress: options.onProgress }),
  ] as const;
  for (const half of halves) half.catch((error: unknown) => failure.abort(error));
  await Promise.allSettled(halves);
  options.signal?.throwIfAborted();
  if (failure.signal.aborted) throw failure.signal.reason;
  const kernel = await halves[0];

  const facts = {
    name,
    arch: recipe.arch,
    createdAt: new Date().toISOString(),
    source: {
      distribution: "debian",
      suite: recipe.suite,
      packages: recipe.packages,
      kernelPackage: `${kernel.name} ${kernel.version}`,
    },
    kernelRelease: kernel.release,
    agentVersion: agent.version,
    recipeDigest,
  };
  const image = await phase("store", "storing the image", () => store.add({ dir: staging.path, facts }, { signal }));
  const durationMs = Math.round(performance.now() - startedAt);
  options.onProgress?.({ phase: "done", message: `built the image ${name}`, durationMs });
  return image;
}

interface HalfOptions {
  readonly recipe: DebianRecipe;
  readonly apt: HostApt;
  readonly staging: { readonly path: string };
  readonly work: { readonly path: string };
  readonly signal: AbortSignal;
}

async function buildKernel(half: HalfOptions & { readonly agent: AgentProgram }): Promise<KernelPackage> {
  const { signal } = half;
  const workDir = half.work.path;
  const kernelPackage = await fetchKernelPackage({ arch: half.recipe.arch, apt: half.apt, workDir, signal });
  const [vmlinuz, modules] = await Promise.all([
    readFile(kernelPackage.kernelPath),
    openModuleTree(kernelPackage.modulesDir, { workDir, signal }),
  ]);
  const kernel = await unpackKernel(vmlinuz, { workDir, signal });
  const initramfs = await buildInitramfs({ agent: half.agent.bytes, modules, kernelRelease: kernelPackage.release });
  await Promise.all([
    writeFile(join(half.staging.path, IMAGE_FILE_NAMES.kernel), kernel),
    writeFile(join(half.staging.path, IMAGE_FILE_NAMES.initramfs), initramfs),
  ]);
  return kernelPackage;
}

async function buildRootfs(
  half: HalfOptions & {
    readonly recipeDigest: string;
    readonly phase: PhaseTimer;
    readonly onProgress: BuildOptions["onProgress"];
  },
): Promise<void> {
  const { recipe, apt, signal, phase } = half;
  const tree = await phase("rootfs", "installing Debian", () =>
    buildDebianTree({
      arch: recipe.arch,
      apt,
      packages: recipe.packages,
      workDir: half.work.path,
      sshPassword: recipe.sshPassword,
      onMessage: (message) => half.onProgress?.({ phase: "rootfs", message }),
      signal,
    }),
  );
  const path = join(half.staging.path, IMAGE_FILE_NAMES.rootfs);
  await rm(path, { force: true });
  await phase("filesystem", "writing the root filesystem", () =>
    makeExt4({ tree, path, uuid: recipeUuid(half.recipeDigest), sizeMiB: recipe.rootfsMiB, signal }),
  );
}

type PhaseTimer = <T>(phase: BuildProgress["phase"], message: string, work: () => Promise<T>) => Promise<T>;

function phaseTimer(onProgress: BuildOptions["onProgress"]): PhaseTimer {
  return async (phase, message, work) => {
    const startedAt = performance.now();
    onProgress?.({ phase, message });
    const result = await work();
    onProgress?.({ phase, message, durationMs: Math.round(performance.now() - startedAt) });
    return result;
  };
}

/** An image of the recipe that is whole and has the name; a damaged one is built anew. */
async function findUsable(
  store: ImageStore,
  recipeDigest: string,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Image | undefined> {
  const found = await store.findByRecipe(recipeDigest);
  if (found === undefined) return undefined;
  try {
    const image = await store.resolve(found.manifest.id, signal ? { signal } : {});
    await store.setName(name, image.manifest.id);
    return image;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof Error && "code" in error && error.code === "IMAGE_CORRUPT") return undefined;
    throw error;
  }
}

function assertPassword(password: string | undefined): void {
  if (password === undefined || /^[^\n\0]+$/.test(password)) return;
  throw new ValidationError("INVALID_OPTION", "expected sshPassword to be one line of text that is not empty");
}

/** The architecture of this machine; images for another one are not built here. */
export function hostArch(): GuestArch {
  return process.arch === "arm64" ? "aarch64" : "x86_64";
}
