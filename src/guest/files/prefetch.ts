/** The results of `prepare` in the order of the items, a few of which are prepared ahead of whoever reads them. */
export async function* prefetch<Item, Result>(
  items: readonly Item[],
  ahead: number,
  prepare: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  const prepared: Promise<Result>[] = [];
  for (let next = 0; next < items.length || prepared.length > 0;) {
    while (next < items.length && prepared.length < ahead) {
      const result = prepare(items[next++]!);
      result.catch(() => {
        // Thrown when it is its turn, unless there is another error first.
      });
      prepared.push(result);
    }
    yield await prepared.shift()!;
  }
}
