import type { Command } from "commander";
import { SmolVMManager } from "../manager/smolvm-manager.ts";
import type { SmolVMManagerOptions } from "../manager/manager-options.ts";

/** The manager that the command's global options describe. */
export function openManager(command: Command): SmolVMManager {
  return new SmolVMManager(managerOptions(command));
}

/** The global options, those that were given. */
export function managerOptions(command: Command): SmolVMManagerOptions {
  const { dataDir, socketDir, imageDir, backend } = command.optsWithGlobals<SmolVMManagerOptions>();
  return {
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(socketDir === undefined ? {} : { socketDir }),
    ...(imageDir === undefined ? {} : { imageDir }),
    ...(backend === undefined ? {} : { backend }),
  };
}
