import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ImageError } from "../errors/smolvm-error.ts";
import type { HostApt } from "./host-apt.ts";
import type { GuestArch } from "./image.ts";
import { runTool } from "./run-tool.ts";

/** A kernel package, unpacked but not installed. */
export interface KernelPackage {
  /** The package that holds the kernel, as in `linux-image-6.1.0-13-cloud-amd64`. */
  readonly name: string;
  readonly version: string;
  /** What `uname -r` prints in the guest. */
  readonly release: string;
  /** The kernel as the distribution ships it (vmlinuz). */
  readonly kernelPath: string;
  readonly modulesDir: string;
}

/** What Debian calls the architectures. */
export const DEBIAN_ARCH: Readonly<Record<GuestArch, string>> = { x86_64: "amd64", aarch64: "arm64" };

/**
 * Downloads the distribution's kernel for virtual machines and unpacks it into `workDir`.
 *
 * The host's apt fetches and verifies it, with lists of its own below `workDir`: the host's may be absent or out of
 * date. Nothing is installed, /boot is not read, and no privilege is needed.
 *
 * @throws {ImageError} `IMAGE_BUILD_FAILED` when apt or dpkg-deb fails or the package is not made as expected.
 * @throws {HostError} `PREREQUISITE_MISSING` when the host has no apt or dpkg.
 */
export async function fetchKernelPackage(options: {
  readonly arch: GuestArch;
  readonly apt: HostApt;
  readonly workDir: string;
  readonly signal?: AbortSignal;
}): Promise<KernelPackage> {
  const { workDir, signal } = options;
  const apt = await createPrivateApt(options);
  await apt("apt-get", ["update", "--error-on=any"]);
  const metaPackage = `linux-image-cloud-${DEBIAN_ARCH[options.arch]}`;
  const { name, version } = parseKernelDependency(await apt("apt-cache", ["show", "--no-all-versions", metaPackage]));
  await apt("apt-get", ["download", `${name}=${version}`]);

  const archive = (await readdir(workDir)).find((file) => file.startsWith(`${name}_`) && file.endsWith(".deb"));
  if (archive === undefined) throw new ImageError("IMAGE_BUILD_FAILED", `apt did not download the package ${name}`);
  const treeDir = join(workDir, "package");
  await runTool(["dpkg-deb", "--extract", join(workDir, archive), treeDir], { signal });
  return { name, version, ...(await findKernel(treeDir)) };
}

/**
 * Reads from the description of a kernel metapackage which package it stands for, and in which version.
 *
 * @throws {ImageError} `IMAGE_BUILD_FAILED` when it depends on no kernel.
 */
export function parseKernelDependency(description: string): { name: string; version: string } {
  const depends = /^Depends:.*?\b(linux-image-\d\S*) \(= (\S+)\)/m.exec(description);
  const [, name, version] = depends ?? [];
  if (name === undefined || version === undefined) {
    throw new ImageError("IMAGE_BUILD_FAILED", "expected the kernel's metapackage to depend on a linux-image package");
  }
  return { name, version };
}

type Apt = (program: string, args: readonly string[]) => Promise<string>;

/** An apt whose configuration, lists and cache are all below `workDir`. */
async function createPrivateApt(options: {
  readonly arch: GuestArch;
  readonly apt: HostApt;
  readonly workDir: string;
  readonly signal?: AbortSignal;
}): Promise<Apt> {
  const { workDir, signal } = options;
  const path = (name: string): string => join(workDir, "apt", name);
  await Promise.all(["lists/partial", "cache/archives/partial"].map((name) => mkdir(path(name), { recursive: true })));
  // APT_CONFIG is read before everything else, so it can keep the host's hooks and settings out.
  const config = [
    'Dir::Etc::Main "/dev/null";',
    'Dir::Etc::Parts "/dev/null";',
    'Dir::Etc::SourceParts "/dev/null";',
    'Dir::Etc::Preferences "/dev/null";',
    'Dir::Etc::PreferencesParts "/dev/null";',
    'Acquire::Languages "none";',
    // As root, apt would fetch as a user who may not enter the image directory.
    'APT::Sandbox::User "root";',
    ...options.apt.fetchOptions,
  ];
  await writeFile(path("apt.conf"), `${config.join("\n")}\n`);
  await writeFile(path("sources.list"), options.apt.sourcesList);
  await writeFile(path("status"), "");
  const settings = {
    "APT::Architecture": DEBIAN_ARCH[options.arch],
    "APT::Architectures": DEBIAN_ARCH[options.arch],
    "Dir::State": path(""),
    "Dir::State::lists": path("lists"),
    "Dir::State::status": path("status"),
    "Dir::Cache": path("cache"),
    "Dir::Etc::SourceList": path("sources.list"),
  };
  const flags = Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  return async (program, args) => {
    const env = { APT_CONFIG: path("apt.conf") };
    return (await runTool([program, ...flags, ...args], { cwd: workDir, env, signal })).stdout;
  };
}

async function findKernel(treeDir: string): Promise<Pick<KernelPackage, "release" | "kernelPath" | "modulesDir">> {
  const kernelFile = (await readdir(join(treeDir, "boot"))).find((file) => file.startsWith("vmlinuz-"));
  const release = kernelFile?.slice("vmlinuz-".length);
  if (kernelFile === undefined || release === undefined) {
    throw new ImageError("IMAGE_BUILD_FAILED", "expected boot/vmlinuz-RELEASE in the kernel package, found none");
  }
  const kernelPath = join(treeDir, "boot", kernelFile);
  for (const parent of ["lib/modules", "usr/lib/modules"]) {
    const modulesDir = join(treeDir, parent, release);
    const builtin = await readFile(join(modulesDir, "modules.builtin")).catch(() => undefined);
    if (builtin !== undefined) return { release, kernelPath, modulesDir };
  }
  throw new ImageError("IMAGE_BUILD_FAILED", `expected the modules of kernel ${release} in its package, found none`);
}
