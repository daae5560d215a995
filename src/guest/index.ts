export { GuestChannel, type RequestOptions } from "./channel/channel.ts";
export type { CommandResult } from "./command/command-result.ts";
export { freshEntropy, type GuestIdentity } from "./identity/configure-request.ts";
export { GuestExec, type ExecOptions, type ExecResult } from "./command/guest-exec.ts";
export type { GuestInput } from "./channel/guest-input.ts";
export type { GuestOutput } from "./channel/guest-output.ts";
export type { ConnectOptions } from "./channel/open-session.ts";
export { OutputLimitError } from "./command/output-limit-error.ts";
export { runCommand, type RunCommandOptions } from "./command/run-command.ts";
