/** What a channel knows of its own use. */
export interface Traffic {
  /** Requests that were made and have no outcome yet, also those that wait to be sent. */
  readonly openCount: number;
}

/** Who is told when a channel begins and ceases to be used. */
export interface TrafficListener {
  /** The first of the open requests was sent, or waits to be. */
  readonly onBusy: () => void;
  /** The last one has its outcome. */
  readonly onQuiet: () => void;
}

/** Counts the requests of a channel. */
export class TrafficCounter implements Traffic {
  openCount = 0;
  #listener: TrafficListener | undefined;

  listen(listener: TrafficListener): void {
    this.#listener = listener;
  }

  /** Says whether this request is the only one. Called when its frame is among those that leave next. */
  begin(): boolean {
    this.openCount += 1;
    if (this.openCount > 1) return false;
    // Frames leave in a microtask of their own, which was asked for before: who listens can rely on it that they have left.
    if (this.#listener !== undefined) queueMicrotask(this.#listener.onBusy);
    return true;
  }

  /** Says whether none is left. */
  end(): boolean {
    this.openCount -= 1;
    if (this.openCount > 0) return false;
    this.#listener?.onQuiet();
    return true;
  }
}
