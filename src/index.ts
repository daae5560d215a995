export { SmolVM } from "./vm/smolvm.ts";
export type {
  SmolVMCreateOptions,
  SmolVMFromIdOptions,
  SmolVMFromSnapshotOptions,
  SmolVMLaunchOptions,
  StartVMOptions,
} from "./vm/vm-options.ts";
export type { ExposePortOptions } from "./vm/ports/expose-options.ts";
export type { PortForward } from "./vm/ports/port-forward.ts";
export { type CreateOptions, SmolVMManager, type StopOptions } from "./manager/smolvm-manager.ts";
export type { PoolFillResult } from "./manager/pool/fill-pools.ts";
export type { PoolOptions } from "./manager/pool/pool-config.ts";
export type { PoolInfo, VMPools } from "./manager/pool/vm-pools.ts";
export type { SmolVMManagerOptions } from "./manager/manager-options.ts";
export { type BuildDebianSshOptions, type BuiltImage, ImageBuilder } from "./images/image-builder.ts";
export type { BuildProgress } from "./images/debian-image.ts";
export type { GuestArch, Image, ImageFile, ImageManifest, ImageSource } from "./images/image.ts";
export type { DamagedImage, FindUsers, ImageListing, ImageStore, PruneResult } from "./images/image-store.ts";
export type { CommandResult } from "./guest/command/command-result.ts";
export type { RunCommandOptions } from "./guest/command/run-command.ts";
export { OutputLimitError } from "./guest/command/output-limit-error.ts";
export type { Environment } from "./config/environment.ts";
export type { Command, CommandShell } from "./guest/command/command-argv.ts";
export type { CommandInput } from "./guest/command/command-input.ts";
export type { ProcessExit } from "./guest/command/process-exit.ts";
export type { CommandOptions } from "./guest/command/start-command.ts";
export type { TerminalSize } from "./guest/command/terminal-size.ts";
export type { GuestUser } from "./guest/identity/who-fields.ts";
export type { GuestProcess } from "./guest/processes/guest-process.ts";
export type { ProcessInfo } from "./guest/processes/process-info.ts";
export type { ProcessOutput, ProcessOutputLimit } from "./guest/processes/process-output.ts";
export type { SpawnOptions } from "./guest/processes/spawn-process.ts";
export type { Terminal, TerminalOptions } from "./guest/processes/terminal.ts";
export type { ProcessCallOptions, VMProcesses } from "./vm/processes/processes.ts";
export type { VMFiles } from "./vm/files/files.ts";
export type { Watching } from "./vm/files/watching.ts";
export { GuestFileError } from "./guest/files/file-error.ts";
export type { FileCallOptions } from "./guest/files/file-call.ts";
export type { FileData } from "./guest/files/file-data.ts";
export type { FileStat, FileType } from "./guest/files/file-stat.ts";
export type {
  ChangeOptions,
  MakeDirectoryOptions,
  RemoveOptions,
  RenameOptions,
  StatOptions,
} from "./guest/files/file-requests.ts";
export type { DirectoryEntry, ListOptions } from "./guest/files/list-directory.ts";
export type { FileRange, ReadFileOptions, ReadStreamOptions } from "./guest/files/read-file.ts";
export type { DownloadOptions } from "./guest/files/download.ts";
export type { SymlinkPolicy } from "./guest/files/link-policy.ts";
export type { SkippedEntry, TransferProgress, TransferResult } from "./guest/files/transfer.ts";
export type { UploadOptions } from "./guest/files/upload.ts";
export type { FileChange, FileWatcher, WatchOptions } from "./guest/files/watch-path.ts";
export type { WriteFileOptions } from "./guest/files/write-request.ts";
export { VMState } from "./config/vm-state.ts";
export {
  type BackendChoice,
  type BackendName,
  type DiskMode,
  type ResolvedVMConfig,
  SSH_BOOT_ARGS,
  type VMConfig,
} from "./config/vm-config.ts";
export type { StartedFrom, StartPhase, VMInfo } from "./config/vm-info.ts";
export type {
  ExportSnapshotOptions,
  ImportSnapshotOptions,
  SnapshotArchiveProgress,
} from "./config/snapshot-archive-options.ts";
export type { SnapshotInfo } from "./config/snapshot-info.ts";
export type { ForkOptions, RestoreOptions, SnapshotOptions } from "./config/snapshot-options.ts";
export type { StartFrom } from "./config/start-from.ts";
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
