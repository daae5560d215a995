/** Iterates a source that may have nothing to say for long. `interrupt` ends the waiting for it. */
export class Interruptible<Piece> {
  readonly #pieces: AsyncIterator<Piece>;
  #failure: { readonly error: unknown } | undefined;
  #reject: ((error: unknown) => void) | undefined;

  constructor(source: AsyncIterable<Piece>) {
    this.#pieces = source[Symbol.asyncIterator]();
  }

  /** The next piece. Not a race with one promise that lives as long as the source: each race would add to its memory. */
  async next(): Promise<IteratorResult<Piece, unknown>> {
    if (this.#failure !== undefined) throw this.#failure.error;
    return await new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#pieces.next().then(resolve, reject);
    });
  }

  /** Rejects the `next` that waits, and all that follow. */
  interrupt(error: unknown): void {
    this.#failure ??= { error };
    this.#reject?.(error);
  }

  /** Tells the source that no more is wanted. Waits for nothing: a source that hangs may hang here too. */
  leave(): void {
    void Promise.resolve(this.#pieces.return?.()).catch(() => {
      // What a source says to being left is nobody's concern: there is another error already.
    });
  }
}
