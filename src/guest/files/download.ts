import { resolve } from "node:path";
import { SmolVMError } from "../../errors/smolvm-error.ts";
import type { ConnectForFiles, FileCallOptions } from "./file-call.ts";
import { checkCount } from "./file-numbers.ts";
import { checkHostPath } from "./host-path.ts";
import { HostTreeWriter } from "./host-tree-writer.ts";
import { checkPolicy, type SymlinkPolicy } from "./link-policy.ts";
import { receiveTree } from "./tree-calls.ts";
import { Transfer, type TransferProgress, type TransferResult } from "./transfer.ts";

const DEFAULT_MAX_BYTES = 17_179_869_184;
const DEFAULT_MAX_ENTRIES = 1_000_000;

/** How something is downloaded. */
export interface DownloadOptions extends FileCallOptions {
  /**
   * Which symbolic links are made on this machine. `"inside"`, the default: those that surely stay inside of what is downloaded.
   * `"all"`: also those that lead elsewhere on this machine; for guests that you trust. `"none"`: none.
   */
  readonly symlinks?: SymlinkPolicy;
  /** More content is an error. Default 16 GiB. */
  readonly maxBytes?: number;
  /** More files, directories and links are an error. Default 1,000,000. */
  readonly maxEntries?: number;
  /** Called as it goes on, once for each block that came. */
  readonly onProgress?: (progress: TransferProgress) => void;
}

/** Names of the options of {@link DownloadOptions}. */
export const DOWNLOAD_OPTIONS: readonly string[] = ["symlinks", "maxBytes", "maxEntries", "onProgress"];

/** Downloads a file or a tree; resolves when all of it is in its place. */
export async function download(
  connect: ConnectForFiles,
  guestPath: string,
  hostPath: string,
  options: DownloadOptions,
): Promise<TransferResult> {
  const destination = Buffer.from(resolve(checkHostPath(hostPath)));
  const maxBytes = checkCount("maxBytes", options.maxBytes ?? DEFAULT_MAX_BYTES);
  const maxEntries = checkCount("maxEntries", options.maxEntries ?? DEFAULT_MAX_ENTRIES);
  const policy = checkPolicy(options.symlinks ?? "inside");
  const transfer = new Transfer(options.onProgress);
  const writer = new HostTreeWriter(destination, policy, transfer);
  try {
    await receiveTree(connect, guestPath, { ...options, onBlock: () => transfer.report() }, async (event) => {
      await writer.take(event);
      if (transfer.bytes > maxBytes) throw tooMuch(guestPath, "maxBytes", maxBytes, transfer);
      if (transfer.entries > maxEntries) throw tooMuch(guestPath, "maxEntries", maxEntries, transfer);
    });
    await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
  return transfer.result();
}

function tooMuch(guestPath: string, option: string, limit: number, { progress }: Transfer): SmolVMError {
  return new SmolVMError("TRANSFER_LIMIT", `${JSON.stringify(guestPath)} has more than ${option} (${limit})`, {
    hint: `Raise ${option}, or download parts of the tree. What has come is still on this machine.`,
    details: { [option]: limit, ...progress },
  });
}
