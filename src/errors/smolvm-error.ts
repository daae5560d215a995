import { ERROR_CODES, type ErrorCode } from "./codes.ts";

/** What an error carries besides its message. */
export interface SmolVMErrorOptions {
  /** What to do next; the registry's hint of the code where it is left out. */
  readonly hint?: string;
  /** Facts for programs: ids, paths, sizes, tails of logs. Never secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * The base class of every error that this package throws on purpose.
 *
 * @example
 * ```ts
 * import { SmolVM, SmolVMError } from "smolvm";
 *
 * try {
 *   await SmolVM.fromId("no-such-vm");
 * } catch (error) {
 *   if (error instanceof SmolVMError) console.error(error.code, error.message, error.hint);
 * }
 * ```
 */
export class SmolVMError extends Error {
  override readonly name: string = "SmolVMError";
  /** Stable name of the failure: a key of the table in `docs/errors.md`. */
  readonly code: ErrorCode;
  /** What the user can do about it. */
  readonly hint: string;
  /** Facts for programs. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: SmolVMErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? ERROR_CODES[code].hint;
    this.details = Object.freeze({ ...options.details });
  }

  /** The exit code that the command line uses for this error. */
  get exitCode(): number {
    return ERROR_CODES[this.code].exitCode;
  }
}

/** An option or argument is not what it must be. Nothing was created. */
export class ValidationError extends SmolVMError {
  override readonly name: string = "ValidationError";
}

/** No VM has this id in this data directory; or its time was up, so that it is deleted. */
export class VMNotFoundError extends SmolVMError {
  override readonly name: string = "VMNotFoundError";
  constructor(vmId: string, options: SmolVMErrorOptions & { readonly expiredAt?: Date } = {}) {
    const { expiredAt, ...others } = options;
    const message =
      expiredAt === undefined
        ? `no VM has the id "${vmId}"`
        : `the VM "${vmId}" was deleted when its time (ttlMs) was up, at ${expiredAt.toISOString()}`;
    const details = { vmId, ...(expiredAt === undefined ? {} : { expiredAt }), ...options.details };
    super("VM_NOT_FOUND", message, { ...others, details });
  }
}

/** A VM with this id exists already in this data directory. */
export class VMAlreadyExistsError extends SmolVMError {
  override readonly name: string = "VMAlreadyExistsError";
  constructor(vmId: string, options: SmolVMErrorOptions = {}) {
    super("VM_ALREADY_EXISTS", `a VM with the id "${vmId}" exists already`, {
      ...options,
      details: { vmId, ...options.details },
    });
  }
}

/** The VM is in a state in which the call is not allowed. */
export class InvalidStateError extends SmolVMError {
  override readonly name: string = "InvalidStateError";
}

/** The network of a VM could not be set up as asked. */
export class NetworkError extends SmolVMError {
  override readonly name: string = "NetworkError";
}

/** This machine lacks something, or the VMM failed on it. */
export class HostError extends SmolVMError {
  override readonly name: string = "HostError";
}

/** An image is missing, damaged, in use, or could not be built. */
export class ImageError extends SmolVMError {
  override readonly name: string = "ImageError";
}

/** Something took longer than its deadline. Of a command, the output so far is kept. */
export class OperationTimeoutError extends SmolVMError {
  override readonly name: string = "OperationTimeoutError";
  /** What the command wrote to stdout before the deadline ("" for other operations). */
  readonly stdout: string;
  /** What the command wrote to stderr before the deadline ("" for other operations). */
  readonly stderr: string;

  constructor(message: string, options: SmolVMErrorOptions & { stdout?: string; stderr?: string } = {}) {
    super("TIMEOUT", message, options);
    this.stdout = options.stdout ?? "";
    this.stderr = options.stderr ?? "";
  }
}

/** Commands cannot be run in this VM: it does not run (`INVALID_STATE`), or has no agent (`COMMAND_UNAVAILABLE`). */
export class CommandExecutionUnavailableError extends InvalidStateError {
  override readonly name: string = "CommandExecutionUnavailableError";
}
