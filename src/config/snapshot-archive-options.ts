import { ValidationError } from "../errors/smolvm-error.ts";
import { assertKnownOptions } from "./known-options.ts";
import { assertSnapshotName } from "./snapshot-options.ts";
import { describe } from "./vm-id.ts";

/** How far an export or an import of a snapshot has come. */
export interface SnapshotArchiveProgress {
  /** What is being written or read: `memory`, `disk-0`, `rootfs.ext4` and so on. */
  readonly entry: string;
  readonly sizeBytes: number;
  /** How much of it is done, holes included. */
  readonly doneBytes: number;
}

/** What {@link SmolVMManager.exportSnapshot} takes. */
export interface ExportSnapshotOptions {
  /** Put the image in, too; true by default. Without it the file can be imported only where the same image is. */
  readonly includeImage?: boolean;
  readonly signal?: AbortSignal;
  /** Called often. */
  readonly onProgress?: (progress: SnapshotArchiveProgress) => void;
}

/** What {@link SmolVMManager.importSnapshot} takes. */
export interface ImportSnapshotOptions {
  /** Name of the snapshot; by default the one that it had, if any. */
  readonly name?: string;
  readonly signal?: AbortSignal;
  /** Called often. */
  readonly onProgress?: (progress: SnapshotArchiveProgress) => void;
}

/** @throws {ValidationError} `INVALID_OPTION`. */
export function assertExportOptions(options: ExportSnapshotOptions): void {
  assertKnownOptions("exportSnapshot()", options, ["includeImage", "signal", "onProgress"]);
  const { includeImage } = options as Readonly<Record<string, unknown>>;
  if (includeImage === undefined || typeof includeImage === "boolean") return;
  throw new ValidationError("INVALID_OPTION", `includeImage must be true or false, got ${describe(includeImage)}`, {
    details: { option: "includeImage" },
  });
}

/** @throws {ValidationError} `INVALID_OPTION`. */
export function assertImportOptions(options: ImportSnapshotOptions): void {
  assertKnownOptions("importSnapshot()", options, ["name", "signal", "onProgress"]);
  if (options.name !== undefined) assertSnapshotName(options.name);
}
