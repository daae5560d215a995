import type { RestoreOptions } from "../config/snapshot-options.ts";
import type { CreateOptions } from "../manager/smolvm-manager.ts";
import type { SmolVMManagerOptions } from "../manager/manager-options.ts";
import type { StartFrom } from "../config/start-from.ts";
import type { VMConfig } from "../config/vm-config.ts";

/** What {@link SmolVM.create} takes: a config, where to keep the VM, and how to cancel. */
export interface SmolVMCreateOptions extends VMConfig, Omit<SmolVMManagerOptions, "backend">, CreateOptions {}

/** What {@link SmolVM.start} takes. */
export interface StartVMOptions {
  /** How long it may take until the guest answers. Default 30,000. */
  readonly bootTimeoutMs?: number;
  /**
   * Default `"auto"`: a VM that has never run takes over one that waits in a pool of its image and shape, else continues from
   * their template, in a fraction of a boot's time. Where there is none, the VM boots, and the template is made in the background.
   */
  readonly from?: StartFrom;
  readonly signal?: AbortSignal;
}

/** What {@link SmolVM.launch} takes. */
export interface SmolVMLaunchOptions extends SmolVMCreateOptions, StartVMOptions {}

/** What {@link SmolVM.fromId} takes. */
export interface SmolVMFromIdOptions extends SmolVMManagerOptions {
  /** User for access by SSH; commands go through the guest agent and do not need it. */
  readonly sshUser?: string;
  /** Private key for access by SSH; commands go through the guest agent and do not need it. */
  readonly sshKeyPath?: string;
}

/** What {@link SmolVM.fromSnapshot} takes. */
export interface SmolVMFromSnapshotOptions extends RestoreOptions, Omit<SmolVMManagerOptions, "backend"> {}

/** The three kinds of options apart from each other. What is unknown stays with the config, which refuses it. */
export function splitOptions(options: SmolVMCreateOptions): {
  readonly manager: SmolVMManagerOptions;
  readonly create: CreateOptions;
  readonly config: VMConfig;
} {
  const { dataDir, socketDir, imageDir, signal, onProgress, ...config } = options;
  return {
    manager: givenOptions({ dataDir, socketDir, imageDir, backend: config.backend }),
    create: givenOptions({ signal, onProgress }),
    config,
  };
}

/** The properties that have a value. */
export function givenOptions<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never;
}
