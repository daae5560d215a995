import type { Purpose } from "../../src/host/prerequisite-table.ts";
import { buildAgent } from "./agent.ts";
import { build } from "./build.ts";
import { installHostPackages } from "./host-packages.ts";
import { step } from "./steps.ts";

/**
 * Everything between a fresh checkout with its dependencies and a machine that boots VMs. Each step does nothing when
 * its work is done already.
 */
export async function setUp(purposes: readonly Purpose[]): Promise<void> {
  await step("host packages", (progress) => installHostPackages(purposes, progress));
  await step("build", build);
  await step("guest agent", buildAgent);
  // Loaded only now: it needs what the steps before it brought.
  const { ensureImage } = await import("./image.ts");
  await step("image", ensureImage);
}
