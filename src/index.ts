export { SmolVM } from "./vm/smolvm.ts";
export type { SmolVMCreateOptions, SmolVMFromIdOptions, SmolVMLaunchOptions } from "./vm/vm-options.ts";
export type { ExposePortOptions } from "./vm/ports/expose-options.ts";
export type { PortForward } from "./vm/ports/port-forward.ts";
export { type CreateOptions, SmolVMManager } from "./manager/smolvm-manager.ts";
export type { SmolVMManagerOptions } from "./manager/manager-options.ts";
export { ImageBuilder } from "./images/image-builder.ts";
export type { CommandResult } from "./guest/command/command-result.ts";
export type { RunCommandOptions } from "./guest/command/run-command.ts";
export { OutputLimitError } from "./guest/command/output-limit-error.ts";
export { VMState } from "./config/vm-state.ts";
export {
  type BackendChoice,
  type BackendName,
  type DiskMode,
  type ResolvedVMConfig,
  SSH_BOOT_ARGS,
  type VMConfig,
} from "./config/vm-config.ts";
export type { StartPhase, VMInfo } from "./config/vm-info.ts";
export type { NetworkConfig, NetworkMode } from "./config/network-config.ts";
export type { ErrorCode } from "./errors/codes.ts";
export {
  CommandExecutionUnavailableError,
  HostError,
  ImageError,
  InvalidStateError,
  NetworkError,
  OperationTimeoutError,
  SmolVMError,
  type SmolVMErrorOptions,
  ValidationError,
  VMAlreadyExistsError,
  VMNotFoundError,
} from "./errors/smolvm-error.ts";
