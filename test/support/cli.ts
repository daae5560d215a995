import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** How the command line ended. */
export interface CliResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command line that runs. */
export interface RunningCli {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly result: Promise<CliResult>;
  /** Resolves when `text` has been printed on the stream, or the command line has ended. */
  printed(stream: "stdout" | "stderr", text: string): Promise<void>;
}

/** Starts `smolvm --data-dir DIR ARGS…`. */
export function startCli(dataDir: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): RunningCli {
  const child = spawn(process.execPath, [MAIN, "--data-dir", dataDir, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      output[stream] += text;
      child.emit("printed");
    });
  }
  const result = once(child, "close").then(([exitCode]) => ({ exitCode: exitCode as number | null, ...output }));
  let isOver = false;
  void result.then(() => {
    isOver = true;
    child.emit("printed");
  });
  return {
    child,
    result,
    printed: async (stream, text) => {
      while (!output[stream].includes(text) && !isOver) await once(child, "printed");
    },
  };
}

/** Runs it to its end. */
export async function runCli(
  dataDir: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<CliResult> {
  return await startCli(dataDir, args, env).result;
}
