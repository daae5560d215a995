const works = new Set<() => void>();

/** Has synchronous work done when this process ends by itself; not when it is killed. Disposing takes it back. */
export function atExit(work: () => void): Disposable {
  // One listener for all: Node warns of more than ten.
  if (works.size === 0) process.on("exit", runAll);
  works.add(work);
  return {
    [Symbol.dispose]: () => {
      works.delete(work);
      if (works.size === 0) process.off("exit", runAll);
    },
  };
}

function runAll(): void {
  for (const work of works) work();
}
