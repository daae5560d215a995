import { Method } from "../protocol/frame-types.ts";
import { CallInput } from "./call-input.ts";
import { type ConnectForFiles, type FileCallOptions, fileRequest, openFileStream } from "./file-call.ts";
import { type GuestUser, whoFields } from "../identity/who-fields.ts";
import type { TreeEvent } from "./tree-entry.ts";
import { TreeReader } from "./tree-reader.ts";
import { TreeWriter } from "./tree-writer.ts";

/** How a tree is sent. */
export interface SendTreeOptions extends FileCallOptions {
  /** Who owns what is made in the guest. Default root. */
  readonly owner?: GuestUser | undefined;
  /** Called for each block that is on its way. */
  readonly onBlock?: () => void;
}

/** Sends the tree that `send` writes, without its end; resolves when the guest has made all of it. */
export async function sendTree(
  connect: ConnectForFiles,
  guestPath: string,
  options: SendTreeOptions,
  send: (tree: TreeWriter) => Promise<void>,
): Promise<void> {
  const request = fileRequest("uploading to", Method.TREE_WRITE, guestPath, whoFields("owner", options.owner));
  const call = await openFileStream(connect, request, options, { hasInput: true });
  const input = new CallInput(call, request.what);
  const tree = new TreeWriter(async (block) => {
    await input.write(block);
    options.onBlock?.();
  });
  try {
    // What is sent may be slow to come, as a tar archive typed by hand: the guest's error does not wait for it.
    await Promise.race([send(tree), input.earlyEnd]);
    await tree.end();
    await input.end();
  } catch (error) {
    call.cancel(error);
    await call.wait().catch(() => {
      // It was cancelled, or failed with the error that is thrown.
    });
    throw error;
  }
}

/** How a tree is received. */
export interface ReceiveTreeOptions extends FileCallOptions {
  /** Called for each piece of the stream, when all in it has been taken. */
  readonly onBlock?: () => void;
}

/** Hands the events of a tree of the guest to `take`, one after the other; resolves when the guest says that it was all. */
export async function receiveTree(
  connect: ConnectForFiles,
  guestPath: string,
  options: ReceiveTreeOptions,
  take: (event: TreeEvent) => Promise<void>,
): Promise<void> {
  const request = fileRequest("downloading", Method.TREE_READ, guestPath, []);
  const reader = new TreeReader();
  const call = await openFileStream(connect, request, options, { hasInput: false });
  try {
    for await (const chunk of call.output) {
      for (const event of reader.push(chunk)) await take(event);
      options.onBlock?.();
    }
    await call.wait();
    reader.finish();
  } catch (error) {
    call.cancel(error);
    throw error;
  }
}
