import { spawn } from "node:child_process";
import { debugLog } from "./debug-log.ts";

/**
 * Starts a program that nobody waits for: a session of its own, without our input, output and environment but for `env`.
 * That it could not be started is no reason for its caller to fail.
 */
export function spawnBackground(argv: readonly string[], env: NodeJS.ProcessEnv): void {
  const [program = "", ...args] = argv;
  debugLog("background.spawn", { argv });
  const child = spawn(program, args, { cwd: "/", env, detached: true, stdio: "ignore" });
  child.on("error", (error) => debugLog("background.failed", { reason: error.message }));
  child.unref();
}
