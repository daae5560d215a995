import { SmolVMError } from "../../src/errors/smolvm-error.ts";

/** Runs a script's work; a failure is told in words, and becomes the exit code. */
export async function runMain(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof SmolVMError) console.error(`\n${error.message}\n${error.hint}`);
    // A script's own errors are plain ones, written for people; of another kind is a mistake in the script.
    else console.error(error instanceof Error && error.constructor === Error ? `\n${error.message}` : error);
    process.exitCode = error instanceof SmolVMError ? error.exitCode : 1;
  }
}
