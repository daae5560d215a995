export { GuestChannel, type RequestOptions } from "./channel.ts";
export type { CommandResult } from "./command-result.ts";
export { freshEntropy, type GuestIdentity } from "./configure-request.ts";
export { GuestExec, type ExecOptions, type ExecResult } from "./guest-exec.ts";
export type { GuestInput } from "./guest-input.ts";
export type { GuestOutput } from "./guest-output.ts";
export type { ConnectOptions } from "./open-session.ts";
export { OutputLimitError } from "./output-limit-error.ts";
export { runCommand, type RunCommandOptions } from "./run-command.ts";
