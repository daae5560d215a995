import { SmolVMError } from "../errors/smolvm-error.ts";
import type { SmolVMManager } from "../manager/smolvm-manager.ts";
import { interrupted } from "./interrupt.ts";
import { note } from "./notes.ts";

/** Makes the template of an image that was just built, for VMs of the default shape. Without one they start all the same. */
export async function templateStep(manager: SmolVMManager, imageId: string): Promise<void> {
  const startMs = performance.now();
  try {
    await manager.warm({ image: imageId }, { signal: interrupted });
    note(`template: VMs start from it from now on (${((performance.now() - startMs) / 1000).toFixed(1)} s)`);
  } catch (error) {
    interrupted.throwIfAborted();
    // Images can be built where no VM can be run.
    if (!(error instanceof SmolVMError)) throw error;
    note(`template: none was made, VMs boot instead: ${error.message}`);
  }
}
