import { ComposedMemory, type MemoryParts, type MemoryPiece, readWindow, windowBuffer } from "./composed-memory.ts";
import { windowsOf } from "./page-run.ts";

/**
 * Reads a memory that lies in parts without making a file of it: its pieces in ascending order. What lies between them is
 * zeros. The bytes belong to the receiver.
 *
 * @throws {SmolVMError} `SNAPSHOT_CORRUPT` and what else says that a part cannot be used.
 */
export async function* readMemory(
  parts: MemoryParts & { readonly signal?: AbortSignal | undefined },
): AsyncGenerator<MemoryPiece> {
  await using memory = await ComposedMemory.open(parts);
  const runs = await memory.runs(parts.signal);
  let scratch: Buffer | undefined;
  for (const window of windowsOf(runs.filter(({ kind }) => kind === "data"))) {
    parts.signal?.throwIfAborted();
    yield* await readWindow(window, windowBuffer(), () => (scratch ??= windowBuffer()));
  }
}
