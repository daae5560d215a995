/** Runs a few tasks at the same time. The first failure is thrown at the next call. */
export class TaskPool {
  readonly #maxRunning: number;
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(maxRunning: number) {
    this.#maxRunning = maxRunning;
  }

  /** Starts a task, as soon as there is room for it. */
  async add(task: () => Promise<void>): Promise<void> {
    if (this.#running.size >= this.#maxRunning) await Promise.race(this.#running);
    this.#throwFailure();
    const run = task().then(
      () => void this.#running.delete(run),
      (error: unknown) => {
        this.#running.delete(run);
        this.#failure ??= { error };
      },
    );
    this.#running.add(run);
  }

  /** Waits for all tasks. */
  async drain(): Promise<void> {
    await Promise.all(this.#running);
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
