import { installPackages } from "../../src/host/install-packages.ts";
import type { Purpose } from "../../src/host/prerequisite-table.ts";
import { checkPrerequisites, missingPackages } from "../../src/host/prerequisites.ts";
import type { StepOutcome, StepProgress } from "./steps.ts";

/** Installs the packages that this machine lacks for the given purposes. */
export async function installHostPackages(purposes: readonly Purpose[], progress: StepProgress): Promise<StepOutcome> {
  const packages = missingPackages(await checkPrerequisites({ purposes, versions: false }));
  if (packages.length === 0) return { skipped: "all there" };
  const list = packages.join(" ");
  progress(`installing ${list}`);
  await installPackages(packages, { onLine: progress });
  return { done: `installed ${list}` };
}
