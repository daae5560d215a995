import { ValidationError } from "../errors/smolvm-error.ts";
import { assertKnownOptions } from "./known-options.ts";
import { describe, VM_ID_PATTERN } from "./vm-id.ts";
import type { NetworkMode } from "./network-config.ts";

/** What {@link SmolVM.snapshot} takes. */
export interface SnapshotOptions {
  /** Like a VM's id; no two snapshots of a data directory have the same. */
  readonly name?: string;
  /** Save memory and processes too; true by default. A VM that is down has none, unless it was stopped with `keepMemory`. */
  readonly includeMemory?: boolean;
  readonly signal?: AbortSignal;
}

/** What {@link SmolVM.fork} takes. */
export interface ForkOptions {
  /** 1 to 1,000; 1 by default, or as many as there are names. */
  readonly count?: number;
  /** The ids of the new VMs; as many as `count`. */
  readonly names?: readonly string[];
  /** For each of them; 30,000 by default. */
  readonly bootTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** How a VM that is made from a snapshot differs from the VM that the snapshot was made of. */
export interface RestoreOptions {
  /** Default: `sbx-` and ten random characters. */
  readonly vmId?: string;
  /** Replaces the environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: as in the snapshot. A snapshot with memory of a VM without a network can have none later either. */
  readonly network?: NetworkMode;
  /** 30,000 by default. */
  readonly bootTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

const MAX_FORKS = 1_000;

/** @throws {ValidationError} `INVALID_OPTION`. */
export function assertSnapshotOptions(options: SnapshotOptions): void {
  assertKnownOptions("snapshot()", options, ["name", "includeMemory", "signal"]);
  const { name, includeMemory } = options as Readonly<Record<string, unknown>>;
  if (name !== undefined) assertSnapshotName(name);
  if (includeMemory !== undefined && typeof includeMemory !== "boolean") {
    throw invalid("includeMemory", `must be true or false, got ${describe(includeMemory)}`);
  }
}

/** @throws {ValidationError} `INVALID_OPTION`. */
export function assertSnapshotName(name: unknown): void {
  if (typeof name === "string" && VM_ID_PATTERN.test(name)) return;
  throw invalid("name", `must match ${VM_ID_PATTERN.source}, got ${describe(name)}`);
}

/**
 * The ids that forks are asked to have; undefined for those that get one of their own.
 *
 * @throws {ValidationError} `INVALID_OPTION`.
 */
export function forkNames(options: ForkOptions): readonly (string | undefined)[] {
  assertKnownOptions("fork()", options, ["count", "names", "bootTimeoutMs", "signal"]);
  const { names, count = names?.length ?? 1 } = options;
  if (!Number.isInteger(count) || count < 1 || count > MAX_FORKS) {
    throw invalid("count", `must be a whole number from 1 to ${MAX_FORKS}, got ${describe(count)}`);
  }
  if (names === undefined) return Array.from({ length: count }, () => undefined);
  if (!Array.isArray(names) || names.length !== count) {
    throw invalid("names", `must be as many as count, which is ${count}, got ${describe(names)}`);
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid("names", `must differ from each other, got ${describe(twice)} twice`);
  return names;
}

function invalid(option: string, problem: string): ValidationError {
  return new ValidationError("INVALID_OPTION", `${option} ${problem}`, { details: { option } });
}
