/**
 * Who may be sent next, given that the guest takes only so many requests at once. The rest waits in the order it came.
 * One place is kept for control requests (ping, configure, power off), and they pass waiting commands: a VM full of
 * commands that never end can still be told to power off.
 */
export class RequestQueue<Request extends { readonly isControl: boolean }> {
  readonly #maxOpen: number;
  // Sets keep the order of insertion, and forget a request that is aborted without a search.
  readonly #control = new Set<Request>();
  readonly #commands = new Set<Request>();
  #openCount = 0;

  constructor(maxOpen: number) {
    this.#maxOpen = maxOpen;
  }

  add(request: Request): void {
    (request.isControl ? this.#control : this.#commands).add(request);
  }

  /** Removes a request that still waits. */
  withdraw(request: Request): void {
    (request.isControl ? this.#control : this.#commands).delete(request);
  }

  /** The next request that may be opened, which then counts as open. */
  takeNext(): Request | undefined {
    const control = this.#takeFrom(this.#control, this.#maxOpen);
    return control ?? this.#takeFrom(this.#commands, Math.max(1, this.#maxOpen - 1));
  }

  /** An open request has ended. */
  release(): void {
    this.#openCount -= 1;
  }

  /** Empties the queue. */
  takeAll(): Request[] {
    const all = [...this.#control, ...this.#commands];
    this.#control.clear();
    this.#commands.clear();
    return all;
  }

  #takeFrom(waiting: Set<Request>, maxOpen: number): Request | undefined {
    if (waiting.size === 0 || this.#openCount >= maxOpen) return undefined;
    const [next] = waiting;
    if (next === undefined) return undefined;
    waiting.delete(next);
    this.#openCount += 1;
    return next;
  }
}
