import { findProgram } from "./find-program.ts";
import type { Packages } from "./prerequisite-table.ts";

/** The package manager of this host, as a key of `Packages`. */
export type PackageManager = keyof Packages;

const PROGRAMS: Readonly<Record<PackageManager, string>> = { apt: "apt-get", dnf: "dnf", brew: "brew" };

/** The package manager that this host has, else undefined. */
export function findPackageManager(): PackageManager | undefined {
  const managers: readonly PackageManager[] = ["apt", "dnf", "brew"];
  return managers.find((manager) => findProgram(PROGRAMS[manager]) !== undefined);
}

/**
 * The command that installs packages on this host, to be shown to people: with `sudo` unless this process is root. A
 * host with none of the package managers that we know gets apt's, as a hint to what is needed.
 */
export function installCommand(
  packages: readonly string[],
  manager: PackageManager | undefined = findPackageManager(),
  isRoot: boolean = process.getuid?.() === 0,
): string {
  const sudo = isRoot || manager === "brew" ? "" : "sudo ";
  const install = { apt: "apt-get install", dnf: "dnf install", brew: "brew install" }[manager ?? "apt"];
  return `${sudo}${install} ${packages.join(" ")}`;
}
