import { once } from "node:events";
import type { GuestOutput } from "../guest/channel/guest-output.ts";
import type { GuestExec } from "../guest/command/guest-exec.ts";
import { toProcessExit } from "../guest/command/process-exit.ts";

/** 128 + SIGPIPE, as a local command ends whose reader has gone. */
const BROKEN_PIPE_EXIT_CODE = 141;

/**
 * Passes the command's outputs on to ours as they come, at the pace of whoever reads them.
 *
 * @returns the command's exit code.
 */
export async function passOutputOn(exec: GuestExec): Promise<number> {
  // The reader of our output may have gone (`smolvm exec … | head`): then the command has nobody to write for.
  let isPipeBroken = false;
  const onPipeError = (): void => {
    isPipeBroken = true;
    exec.cancel();
  };
  process.stdout.on("error", onPipeError);
  process.stderr.on("error", onPipeError);
  try {
    const [result] = await Promise.all([
      exec.wait(),
      copy(exec.stdout, process.stdout),
      copy(exec.stderr, process.stderr),
    ]);
    return toProcessExit(result).exitCode;
  } catch (error) {
    if (isPipeBroken) return BROKEN_PIPE_EXIT_CODE;
    throw error;
  }
}

async function copy(output: GuestOutput, target: NodeJS.WriteStream): Promise<void> {
  for await (const bytes of output) {
    if (!target.write(bytes)) await Promise.race([once(target, "drain"), once(target, "close")]);
  }
}
