import { access, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { debianGuestConfig } from "./debian-guest-config.ts";
import type { HostApt } from "./host-apt.ts";
import type { GuestArch } from "./image.ts";
import { DEBIAN_ARCH } from "./kernel-package.ts";
import { ownMountsPrefix, ownTreePrefix, type RootTree } from "./own-tree.ts";
import { runTool } from "./run-tool.ts";

/** What is left out of every package: a guest that nobody reads manuals in starts from a smaller disk. */
export const DPKG_OPTIONS: readonly string[] = [
  "path-exclude=/usr/share/doc/*",
  "path-exclude=/usr/share/info/*",
  "path-exclude=/usr/share/man/*",
  "path-exclude=/usr/share/lintian/*",
  "path-exclude=/usr/share/bug/*",
  "path-exclude=/usr/share/locale/*",
  "path-include=/usr/share/locale/locale.alias",
  // A build that is interrupted is thrown away, and so is a guest: neither gains from a sync of every file.
  "force-unsafe-io",
];

/** Sets up merged /usr before the first package, instead of by the package usrmerge, which would bring in all of Perl. */
const MERGED_USR_HOOKS = "/usr/share/mmdebstrap/hooks/maybe-merged-usr";

/**
 * Installs Debian into a directory tree in `workDir` with mmdebstrap, from the host's own mirrors.
 *
 * Root installs straight into the directory. Anybody else goes through a user namespace and a tarball, because the
 * tree's owners are subordinate ids that the caller cannot give to files by itself.
 *
 * @throws {ImageError} `IMAGE_BUILD_FAILED` with the end of mmdebstrap's output.
 */
export async function buildDebianTree(options: {
  readonly arch: GuestArch;
  readonly apt: HostApt;
  readonly packages: readonly string[];
  readonly workDir: string;
  readonly sshPassword?: string | undefined;
  readonly onMessage?: (message: string) => void;
  readonly signal?: AbortSignal | undefined;
}): Promise<RootTree> {
  const { apt, workDir, signal } = options;
  const isRoot = process.geteuid?.() === 0;
  const tree: RootTree = { dir: join(workDir, "root"), prefix: ownTreePrefix() };
  const sourcesPath = join(workDir, "sources.list");
  await writeFile(sourcesPath, apt.sourcesList);

  const hasHooks = await access(MERGED_USR_HOOKS).then(
    () => true,
    () => false, // an mmdebstrap that does it by itself
  );
  const aptOptions = ['APT::Install-Recommends "false"', 'Acquire::Languages "none"', ...apt.fetchOptions];
  const target = isRoot ? tree.dir : join(workDir, "root.tar");
  await runTool(
    [
      ...ownMountsPrefix(),
      "mmdebstrap",
      `--mode=${isRoot ? "root" : "unshare"}`,
      `--format=${isRoot ? "directory" : "tar"}`,
      "--variant=minbase",
      `--architectures=${DEBIAN_ARCH[options.arch]}`,
      `--include=${[...options.packages, "usr-is-merged"].join(",")}`,
      ...(hasHooks ? [`--hook-dir=${MERGED_USR_HOOKS}`] : []),
      ...aptOptions.map((option) => `--aptopt=${option}`),
      ...DPKG_OPTIONS.map((option) => `--dpkgopt=${option}`),
      `--customize-hook=${debianGuestConfig({ passwordLogin: options.sshPassword !== undefined })}`,
      apt.codename,
      target,
      sourcesPath,
    ],
    { signal, onLine: (line) => reportStep(line, options.onMessage) },
  );
  if (!isRoot) await unpackTar(target, tree, signal);
  if (options.sshPassword !== undefined) {
    // Through stdin: the arguments of a process can be read by every user of the host.
    const stdin = `root:${options.sshPassword}\n`;
    await runTool([...tree.prefix, "chroot", tree.dir, "/usr/sbin/chpasswd"], { stdin, signal });
  }
  return tree;
}

/** mmdebstrap writes "I: what it does now..." when a step begins. */
function reportStep(line: string, onMessage: ((message: string) => void) | undefined): void {
  const step = /^I: (.*?)(\.\.\.)?$/.exec(line)?.[1];
  if (step !== undefined && !step.startsWith("running --")) onMessage?.(step);
}

async function unpackTar(tarPath: string, tree: RootTree, signal: AbortSignal | undefined): Promise<void> {
  await runTool([...tree.prefix, "mkdir", "-p", tree.dir], { signal });
  // Nobody but root can make device nodes; the guest mounts a devtmpfs there.
  await runTool(
    [
      ...tree.prefix,
      "tar",
      "--extract",
      "--preserve-permissions",
      "--numeric-owner",
      "--exclude=./dev/*",
      "--file",
      tarPath,
      "--directory",
      tree.dir,
    ],
    { signal },
  );
}
