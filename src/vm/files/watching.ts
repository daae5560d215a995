import type { FileChange, FileWatcher } from "../../guest/files/watch-path.ts";

/** A watch that begins: awaited, it is the watcher, once no change is missed; iterated, it is the changes. */
export type Watching = Promise<FileWatcher> & AsyncIterable<FileChange>;

/** Lets a watch that begins be iterated without being awaited first. */
export function iterable(watcher: Promise<FileWatcher>): Watching {
  return Object.assign(watcher, {
    async *[Symbol.asyncIterator](): AsyncGenerator<FileChange, void, undefined> {
      yield* await watcher;
    },
  });
}
