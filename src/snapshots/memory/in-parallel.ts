/** One fewer than libuv has threads for files: that one is for others. */
const WORKERS = 3;

/**
 * Works on all items, a few at a time; each worker is told its number. When one fails, or the signal fires, no further item is
 * begun, and the error is thrown after what had begun is over: nobody writes into a buffer any more that the caller then frees.
 */
export async function inParallel<Item>(
  items: Iterable<Item>,
  work: (item: Item, worker: number) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const failures: unknown[] = [];
  const queue = items[Symbol.iterator]();
  const run = async (_: unknown, worker: number): Promise<void> => {
    try {
      for (let next = queue.next(); next.done !== true && failures.length === 0; next = queue.next()) {
        signal?.throwIfAborted();
        await work(next.value, worker);
      }
    } catch (error) {
      failures.push(error);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, run));
  if (failures.length > 0) throw failures[0];
}

/** One thing for each worker of {@link inParallel}, made when the worker first asks for it. */
export function perWorker<Thing>(make: () => Thing): (worker: number) => Thing {
  const things: Thing[] = [];
  return (worker) => (things[worker] ??= make());
}
