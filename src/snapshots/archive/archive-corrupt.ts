import { SmolVMError } from "../../errors/smolvm-error.ts";

/** What was read is no archive, or is not as it was written. */
export function archiveCorrupt(problem: string, cause?: unknown): SmolVMError {
  return new SmolVMError("SNAPSHOT_CORRUPT", `the archive cannot be used: ${problem}`, {
    cause,
    hint: "Copy the archive again from where it was made, or export the snapshot again.",
  });
}
