import { spawn } from "node:child_process";
import { HostError } from "../errors/smolvm-error.ts";
import { runProgram, type ProgramResult } from "../process/run-program.ts";
import { findProgram } from "./find-program.ts";
import { installCommand } from "./package-manager.ts";

/** How to install packages. */
export interface InstallPackagesOptions {
  /** Called with each line that the package manager prints. */
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Runs one command as root and waits for its end. */
type RunAsRoot = (argv: readonly string[]) => Promise<Pick<ProgramResult, "exitCode" | "stderrTail">>;

const APT_GET = [
  "env",
  "DEBIAN_FRONTEND=noninteractive",
  "apt-get",
  ...["-o", "Acquire::Retries=3"],
  // Another package manager may be at work, as on a machine that has just started.
  ...["-o", "DPkg::Lock::Timeout=120"],
  ...["-o", "Dpkg::Use-Pty=0"],
];

/**
 * Installs packages with `apt-get`, through `sudo` unless this process is root. Where sudo needs a password and there is
 * a terminal, sudo asks there.
 *
 * @throws {HostError} `PREREQUISITE_MISSING` when they could not be installed; the hint is the command to type.
 */
export async function installPackages(
  packages: readonly string[],
  options: InstallPackagesOptions = {},
): Promise<void> {
  if (packages.length === 0) return;
  const fail = (message: string, details: Record<string, unknown> = {}): never => {
    const hint = `Install them yourself: ${installCommand(packages)}`;
    throw new HostError("PREREQUISITE_MISSING", message, { hint, details: { packages, ...details } });
  };
  if (findProgram("apt-get") === undefined) {
    fail(`packages are missing (${packages.join(" ")}), and only apt-get can install them from here`);
  }
  const runAsRoot = await findWayToRoot(options);
  if (runAsRoot === undefined) {
    return fail(`packages are missing (${packages.join(" ")}), and installing them needs root or sudo`);
  }

  const update = await runAsRoot([...APT_GET, "-q", "update"]);
  // One source that does not answer, often a third party's, must not stop what the others have.
  if (update.exitCode !== 0) options.onLine?.("warning: apt-get update failed for a source; going on with the others");
  const install = await runAsRoot([...APT_GET, "-q", "-y", "--no-install-recommends", "install", ...packages]);
  if (install.exitCode !== 0) {
    fail(
      `apt-get could not install ${packages.join(" ")} (exit code ${install.exitCode})\n${install.stderrTail.trim()}`,
      {
        exitCode: install.exitCode,
        stderrTail: install.stderrTail,
      },
    );
  }
}

async function findWayToRoot(options: InstallPackagesOptions): Promise<RunAsRoot | undefined> {
  if (process.getuid?.() === 0) return async (argv) => await runProgram(argv, options);
  if (findProgram("sudo") === undefined) return undefined;
  const silent = await runProgram(["sudo", "-n", "true"]);
  if (silent.exitCode === 0) return async (argv) => await runProgram(["sudo", "-n", ...argv], options);
  return process.stdin.isTTY ? runInTerminal : undefined;
}

/** sudo asks for a password on the terminal: its process must stay in the group that the terminal listens to. */
const runInTerminal: RunAsRoot = async (argv) =>
  await new Promise((resolve, reject) => {
    const child = spawn("sudo", argv, { stdio: "inherit" });
    child.once("error", reject);
    child.once("close", (code) => resolve({ exitCode: code ?? 1, stderrTail: "" }));
  });
