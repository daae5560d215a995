/**
 * What a request is to the queue. `control`: answered at once (ping, stat of a file). `stream`: may last (a file, a connection).
 * `command`: may last for ever, and callers make hundreds at once.
 */
export type RequestClass = "control" | "stream" | "command";

/**
 * Who may be sent next, given that the guest takes only so many requests at once. The rest waits in the order it came. An
 * eighth of the places is closed to commands, and a thirty-second to all but control requests, which also pass those that wait: a VM
 * full of commands that never end still gives out files and can be told to power off.
 */
export class RequestQueue<Request extends { readonly requestClass: RequestClass }> {
  // Sets keep the order of insertion, and forget a request that is aborted without a search.
  readonly #lanes: Readonly<Record<RequestClass, { readonly maxOpen: number; readonly waiting: Set<Request> }>>;
  #openCount = 0;

  constructor(maxOpen: number) {
    const lane = (places: number): { readonly maxOpen: number; readonly waiting: Set<Request> } => ({
      maxOpen: Math.max(1, places),
      waiting: new Set(),
    });
    this.#lanes = {
      control: lane(maxOpen),
      stream: lane(maxOpen - Math.ceil(maxOpen / 32)),
      command: lane(maxOpen - Math.ceil(maxOpen / 8)),
    };
  }

  add(request: Request): void {
    this.#lanes[request.requestClass].waiting.add(request);
  }

  /** Removes a request that still waits. */
  withdraw(request: Request): void {
    this.#lanes[request.requestClass].waiting.delete(request);
  }

  /** The next request that may be opened, which then counts as open. */
  takeNext(): Request | undefined {
    return this.#takeFrom("control") ?? this.#takeFrom("stream") ?? this.#takeFrom("command");
  }

  /** An open request has ended. */
  release(): void {
    this.#openCount -= 1;
  }

  /** Empties the queue. */
  takeAll(): Request[] {
    const lanes = Object.values(this.#lanes);
    const all = lanes.flatMap(({ waiting }) => [...waiting]);
    for (const { waiting } of lanes) waiting.clear();
    return all;
  }

  #takeFrom(requestClass: RequestClass): Request | undefined {
    const { maxOpen, waiting } = this.#lanes[requestClass];
    if (waiting.size === 0 || this.#openCount >= maxOpen) return undefined;
    const [next] = waiting;
    if (next === undefined) return undefined;
    waiting.delete(next);
    this.#openCount += 1;
    return next;
  }
}
