/** All of a saved memory in one file, which VMMs map. */
export interface FlatMemory {
  readonly path: string;
  /** The file has its size at once, and its content when this resolves. */
  readonly ready: Promise<void>;
}

/**
 * A flat file that is made once for several starts. One that gives up takes nothing from the others; when all have, so does the
 * making.
 */
export class SharedMemory {
  /** Resolves when it is made, or has failed. */
  readonly ended: Promise<void>;
  readonly #made: Promise<FlatMemory>;
  readonly #givenUp = new AbortController();
  #users = 0;

  constructor(make: (givenUp: AbortSignal) => Promise<FlatMemory>) {
    this.#made = make(this.#givenUp.signal);
    const nothing = (): void => {};
    this.ended = this.#made.then(({ ready }) => ready).then(nothing, nothing);
  }

  /** Whether nobody waits for it any more. */
  get isGivenUp(): boolean {
    return this.#givenUp.signal.aborted;
  }

  /** The file, until `signal` fires; `ready` then fails with its reason. */
  async join(signal: AbortSignal | undefined): Promise<FlatMemory> {
    this.#users++;
    const left = Promise.withResolvers<never>();
    const leave = (): void => {
      this.#users--;
      if (this.#users === 0) this.#givenUp.abort(signal?.reason);
      // The last one waits until nothing is at work on the file.
      else left.reject(signal?.reason as Error);
    };
    signal?.addEventListener("abort", leave, { once: true });
    void this.ended.then(() => signal?.removeEventListener("abort", leave));
    const { path, ready } = await Promise.race([this.#made, left.promise]);
    const mine = Promise.race([ready, left.promise]);
    // Whoever starts a VM from it hears of a failure; nobody may be listening yet.
    mine.catch(() => {});
    return { path, ready: mine };
  }
}
