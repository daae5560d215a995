import { pipeline } from "node:stream/promises";
import type { GuestUser } from "../../guest/identity/who-fields.ts";
import { joinGuestPath } from "../../guest/files/guest-path.ts";
import type { SymlinkPolicy } from "../../guest/files/link-policy.ts";
import { type ConnectForFiles } from "../../guest/files/file-call.ts";
import { Transfer, type TransferProgress, type TransferResult } from "../../guest/files/transfer.ts";
import { receiveTree, sendTree } from "../../guest/files/tree-calls.ts";
import { VMFiles } from "../../vm/files/files.ts";
import { guestDestination, hostDestination } from "./copy-files.ts";
import { type Copy, lastName } from "./place.ts";
import { TarToTree } from "./tar-to-tree.ts";
import { TreeToTar } from "./tree-to-tar.ts";

/** How `smolvm cp` copies. */
export interface CopyOptions {
  readonly signal: AbortSignal;
  readonly owner?: GuestUser;
  readonly symlinks?: SymlinkPolicy;
  readonly onProgress: (progress: TransferProgress) => void;
}

/** Copies, whichever way. */
export async function runCopy(connect: ConnectForFiles, copy: Copy, options: CopyOptions): Promise<TransferResult> {
  const { signal, onProgress, owner, symlinks } = options;
  const files = new VMFiles(connect);
  if (copy.way === "in") {
    const { from, to } = copy;
    if (from.kind === "tar") return await unpack(connect, to.path, options);
    const path = await guestDestination(files, to.path, from.path, signal);
    return await files.upload(from.path, path, { signal, onProgress, ...(owner === undefined ? {} : { owner }) });
  }
  const { from, to } = copy;
  if (to.kind === "tar") return await archive(connect, files, from.path, options);
  const path = await hostDestination(to.path, from.path);
  return await files.download(from.path, path, { signal, onProgress, ...(symlinks === undefined ? {} : { symlinks }) });
}

async function unpack(connect: ConnectForFiles, path: string, options: CopyOptions): Promise<TransferResult> {
  const { signal, owner, onProgress } = options;
  const transfer = new Transfer(onProgress);
  try {
    await sendTree(connect, path, { signal, owner, onBlock: () => transfer.report() }, (tree) =>
      new TarToTree(tree, transfer).send(process.stdin),
    );
  } finally {
    // Where it failed, nobody reads on, and an open stdin would keep the process alive.
    process.stdin.destroy();
  }
  return transfer.result();
}

async function archive(
  connect: ConnectForFiles,
  files: VMFiles,
  path: string,
  { signal, onProgress }: CopyOptions,
): Promise<TransferResult> {
  const transfer = new Transfer(onProgress);
  const sizeOf = async (below: string): Promise<number> =>
    (await files.stat(joinGuestPath(path, below), { signal })).size;
  const tar = new TreeToTar(lastName(path) || ".", transfer, sizeOf);
  const written = pipeline(tar.archive, process.stdout);
  const read = receiveTree(connect, path, { signal, onBlock: () => transfer.report() }, (event) =>
    tar.take(event),
  ).then(
    () => tar.finish(),
    (error: Error) => {
      tar.archive.destroy(error);
      throw error;
    },
  );
  // The first of them that fails is the cause of the other's failure.
  await Promise.all([written, read]);
  return transfer.result();
}
