import { globSync } from "node:fs";
import { runProgram } from "../process/run-program.ts";
import { findProgram } from "./find-program.ts";
import { findPackageManager, installCommand, type PackageManager } from "./package-manager.ts";
import { prerequisiteTable, type Prerequisite, type Purpose } from "./prerequisite-table.ts";

/** What was found of one prerequisite. */
export interface PrerequisiteReport {
  readonly name: string;
  readonly purpose: Purpose;
  /** For people: what it is for. */
  readonly use: string;
  readonly ok: boolean;
  /** Where it was found. */
  readonly path?: string;
  /** Left out where it has none to show, or versions were not asked for. */
  readonly version?: string;
  /** Packages of this host's package manager that bring it. */
  readonly packages: readonly string[];
  /** What to type to install it; empty where nothing of that name can be installed. */
  readonly installCommand: string;
  /** Why it is not ok. */
  readonly detail?: string;
}

/** Which prerequisites to look at, and how closely. */
export interface CheckPrerequisitesOptions {
  readonly purposes: readonly Purpose[];
  /** Start each program to learn its version (default true). Without it nothing is started, and it takes a moment. */
  readonly versions?: boolean;
  readonly signal?: AbortSignal;
}

/** The oldest Node.js that works: the first with `node:sqlite` without a flag and `await using`. */
const MINIMUM_NODE = "24.0";

/** Programs of administrators; not in the PATH of other users on Debian. */
const ADMINISTRATION_PATH = "/usr/local/sbin:/usr/sbin:/sbin";

/** Looks for everything that this host must have for the given purposes. Nothing is changed. */
export async function checkPrerequisites(options: CheckPrerequisitesOptions): Promise<PrerequisiteReport[]> {
  const manager = findPackageManager();
  const wanted = prerequisiteTable(process.arch).filter(
    ({ purpose, platform, unprivilegedOnly }) =>
      options.purposes.includes(purpose) &&
      (platform ?? process.platform) === process.platform &&
      !(unprivilegedOnly === true && process.getuid?.() === 0),
  );
  const reports = await Promise.all(wanted.map((prerequisite) => check(prerequisite, manager, options)));
  return options.purposes.includes("run") ? [checkNode(), ...reports] : reports;
}

/** The packages that would bring what is missing, each once. */
export function missingPackages(reports: readonly PrerequisiteReport[]): string[] {
  return [...new Set(reports.filter((report) => !report.ok).flatMap((report) => report.packages))];
}

/** Is `version` (`"7.2.19"`) at least `minimum` (`"7.2"`)? */
export function isAtLeast(version: string, minimum: string): boolean {
  const have = version.split(".").map(Number);
  for (const [index, needed] of minimum.split(".").map(Number).entries()) {
    const part = have[index] ?? 0;
    if (part !== needed) return part > needed;
  }
  return true;
}

async function check(
  prerequisite: Prerequisite,
  manager: PackageManager | undefined,
  options: CheckPrerequisitesOptions,
): Promise<PrerequisiteReport> {
  const { name, purpose, use, minimumVersion, versionArguments } = prerequisite;
  const packages = prerequisite.packages[manager ?? "apt"];
  const report = {
    name,
    purpose,
    use,
    packages,
    installCommand: packages.length === 0 ? "" : installCommand(packages, manager),
  };
  const path = locate(prerequisite);
  if (path === undefined) return { ...report, ok: false, detail: "not found" };
  if (options.versions === false || versionArguments === undefined) return { ...report, ok: true, path };

  const version = await readVersion([path, ...versionArguments], options.signal);
  if (version === undefined) return { ...report, ok: false, path, detail: `${path} does not tell its version` };
  if (minimumVersion !== undefined && !isAtLeast(version, minimumVersion)) {
    return {
      ...report,
      ok: false,
      path,
      version,
      detail: `version ${version} is too old: ${minimumVersion} is needed`,
    };
  }
  return { ...report, ok: true, path, version };
}

function locate({ location }: Prerequisite): string | undefined {
  if ("program" in location)
    return findProgram(location.program, `${process.env["PATH"] ?? ""}:${ADMINISTRATION_PATH}`);
  return globSync(location.file)[0];
}

async function readVersion(argv: readonly string[], signal: AbortSignal | undefined): Promise<string | undefined> {
  try {
    const { stdout, stderrTail } = await runProgram(argv, signal === undefined ? {} : { signal });
    return /\d+(?:\.\d+)+/.exec(`${stdout}\n${stderrTail}`)?.[0];
  } catch {
    signal?.throwIfAborted();
    return undefined; // there, but it cannot be executed (another architecture): reported as not ok
  }
}

/** This very process runs on it; no package manager is asked, since the version that it has is rarely new enough. */
function checkNode(): PrerequisiteReport {
  const version = process.versions.node;
  const ok = isAtLeast(version, MINIMUM_NODE);
  return {
    name: "node",
    purpose: "run",
    use: "runs SmolVM",
    ok,
    path: process.execPath,
    version,
    packages: [],
    installCommand: "npm install node@24",
    ...(ok ? {} : { detail: `version ${version} is too old: ${MINIMUM_NODE} is needed` }),
  };
}
