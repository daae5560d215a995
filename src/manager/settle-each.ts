import { availableParallelism } from "node:os";

/** Does something for each item, some at a time, and tells for each how it ended, in the order of the items. */
export async function settleEach<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
  parallel: number = 2 * availableParallelism(),
): Promise<PromiseSettledResult<Result>[]> {
  const results: PromiseSettledResult<Result>[] = [];
  const queue = items.entries();
  const takeTurns = async (): Promise<void> => {
    for (const [index, item] of queue) {
      const [result] = await Promise.allSettled([work(item)]);
      results[index] = result;
    }
  };
  await Promise.all(Array.from({ length: parallel }, takeTurns));
  return results;
}
