/**
 * What a request is to the queue. `control`: answered at once (ping, stat of a file). `stream`: lasts as long as its caller works
 * on it (a file). `connection`: may stay open and idle, and others decide how many there are. `command`: may last for ever, and callers make
 * hundreds at once.
 */
export type RequestClass = "control" | "stream" | "connection" | "command";

/** Requests of one class: those that wait, in order, and those that are open. */
class Lane<Request> {
  // A set keeps the order of insertion, and forgets a request that is aborted without a search.
  readonly waiting = new Set<Request>();
  /** Of this class alone. */
  readonly maxOpen: number;
  /** Open requests of all classes at which this one waits. */
  readonly maxOpenOfAll: number;
  openCount = 0;

  constructor(maxOpen: number, maxOpenOfAll: number) {
    this.maxOpen = Math.max(1, maxOpen);
    this.maxOpenOfAll = Math.max(1, maxOpenOfAll);
  }
}

/**
 * Who may be sent next, given that the guest takes only so many requests at once. The rest waits in the order it came. Some places are
 * closed to all but control requests, which also pass those that wait, some more to commands, and connections never take more than
 * half: a VM full of commands that never end still gives out files and can be told to power off, and one full of idle
 * connections still runs commands.
 */
export class RequestQueue<Request extends { readonly requestClass: RequestClass }> {
  readonly #lanes: Readonly<Record<RequestClass, Lane<Request>>>;
  #openCount = 0;

  constructor(maxOpen: number) {
    const forStreams = maxOpen - Math.ceil(maxOpen / 32);
    const forCommands = maxOpen - Math.ceil(maxOpen / 8);
    this.#lanes = {
      control: new Lane(maxOpen, maxOpen),
      stream: new Lane(forStreams, forStreams),
      connection: new Lane(Math.floor(maxOpen / 2), forCommands),
      command: new Lane(forCommands, forCommands),
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
    for (const lane of Object.values(this.#lanes)) {
      const next = this.#takeFrom(lane);
      if (next !== undefined) return next;
    }
    return undefined;
  }

  /** An open request has ended. */
  release({ requestClass }: Request): void {
    this.#lanes[requestClass].openCount -= 1;
    this.#openCount -= 1;
  }

  /** Empties the queue. */
  takeAll(): Request[] {
    const lanes = Object.values(this.#lanes);
    const all = lanes.flatMap(({ waiting }) => [...waiting]);
    for (const { waiting } of lanes) waiting.clear();
    return all;
  }

  #takeFrom(lane: Lane<Request>): Request | undefined {
    if (lane.waiting.size === 0 || lane.openCount >= lane.maxOpen || this.#openCount >= lane.maxOpenOfAll)
      return undefined;
    const [next] = lane.waiting;
    if (next === undefined) return undefined;
    lane.waiting.delete(next);
    lane.openCount += 1;
    this.#openCount += 1;
    return next;
  }
}
