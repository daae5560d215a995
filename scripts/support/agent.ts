import { stat } from "node:fs/promises";
import { join } from "node:path";
import { REPOSITORY } from "./repository.ts";
import { runTool } from "./run-tool.ts";
import type { StepOutcome } from "./steps.ts";

const TARGET = process.arch === "arm64" ? "aarch64" : "x86_64";
/** Where `make` puts the guest agent for this machine. */
export const AGENT_PATH: string = join(REPOSITORY, "guest/agent/build", TARGET, "smolvm-agent");

/** Compiles the guest agent; `make` knows whether there is anything to do. */
export async function buildAgent(): Promise<StepOutcome> {
  const before = await modified();
  const result = await runTool(["make", "-C", "guest/agent", TARGET]);
  if (!result.ok) throw new Error(`the guest agent does not compile:\n${result.output}`);
  return (await modified()) === before ? { skipped: "up to date" } : { done: "compiled" };
}

async function modified(): Promise<number | undefined> {
  return (await stat(AGENT_PATH).catch(() => undefined))?.mtimeMs;
}
