import type { BigIntStats } from "node:fs";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { ValidationError } from "../../errors/smolvm-error.ts";
import type { ConnectForFiles, FileCallOptions } from "./file-call.ts";
import { type GuestUser, whoFields } from "../identity/who-fields.ts";
import { checkHostPath, hasErrno, hostFileError } from "./host-path.ts";
import { HostTreeSender } from "./send-host-tree.ts";
import { sendTree } from "./tree-calls.ts";
import { Transfer, type TransferProgress, type TransferResult } from "./transfer.ts";

/** How something is uploaded. */
export interface UploadOptions extends FileCallOptions {
  /** Who owns what is made in the guest. Default root. */
  readonly owner?: GuestUser;
  /** Called as it goes on, once for each block that is sent. */
  readonly onProgress?: (progress: TransferProgress) => void;
}

/** Names of the options of {@link UploadOptions}. */
export const UPLOAD_OPTIONS: readonly string[] = ["owner", "onProgress"];

/** Uploads a file or a tree; resolves when all of it is in its place. */
export async function upload(
  connect: ConnectForFiles,
  hostPath: string,
  guestPath: string,
  options: UploadOptions,
): Promise<TransferResult> {
  const source = Buffer.from(resolve(checkHostPath(hostPath)));
  whoFields("owner", options.owner);
  const stats = await statSource(hostPath, source);
  const transfer = new Transfer(options.onProgress);
  await sendTree(connect, guestPath, { ...options, onBlock: () => transfer.report() }, (tree) =>
    new HostTreeSender(source, tree, transfer).send(stats),
  );
  return transfer.result();
}

/** Follows the path itself where it is a link, as the guest does where it reads a tree. */
async function statSource(hostPath: string, source: Buffer): Promise<BigIntStats> {
  let stats: BigIntStats;
  try {
    stats = await stat(source, { bigint: true });
  } catch (error) {
    if (!hasErrno(error, "ENOENT", "ENOTDIR")) throw hostFileError("reading", source, error);
    throw new ValidationError("INVALID_PATH", `${JSON.stringify(hostPath)} does not exist on this machine`, {
      cause: error,
      details: { path: hostPath },
    });
  }
  if (stats.isFile() || stats.isDirectory()) return stats;
  throw new ValidationError("INVALID_PATH", `${JSON.stringify(hostPath)} is neither a file nor a directory`, {
    hint: "Give the path of a file or directory; write() takes streams.",
    details: { path: hostPath },
  });
}
