/** What a transfer has moved so far. */
export interface TransferProgress {
  readonly files: number;
  readonly directories: number;
  readonly symlinks: number;
  /** Bytes of content. Holes of sparse files are not moved and do not count. */
  readonly bytes: number;
}

/** Something that a transfer has left out. */
export interface SkippedEntry {
  /** Path below what was moved; empty for that itself. What is not UTF-8 shows as U+FFFD. */
  readonly path: string;
  readonly reason: string;
}

/** What a transfer has moved, and what it has left out. */
export interface TransferResult extends TransferProgress {
  readonly skipped: readonly SkippedEntry[];
}

/** The books of one transfer. */
export class Transfer {
  readonly #onProgress: ((progress: TransferProgress) => void) | undefined;
  readonly #skipped: SkippedEntry[] = [];
  readonly #counts = { files: 0, directories: 0, symlinks: 0, bytes: 0 };

  constructor(onProgress: ((progress: TransferProgress) => void) | undefined) {
    this.#onProgress = onProgress;
  }

  /** What was moved so far. */
  get progress(): TransferProgress {
    return { ...this.#counts };
  }

  /** How many entries there were, those that were left out included. */
  get entries(): number {
    const { files, directories, symlinks } = this.#counts;
    return files + directories + symlinks + this.#skipped.length;
  }

  get bytes(): number {
    return this.#counts.bytes;
  }

  count(what: keyof TransferProgress, amount: number = 1): void {
    this.#counts[what] += amount;
  }

  skip(path: string, reason: string): void {
    this.#skipped.push(Object.freeze({ path, reason }));
  }

  /** Tells whoever wants to know; called once for each block that is moved, not for each file. */
  report(): void {
    this.#onProgress?.(this.progress);
  }

  result(): TransferResult {
    return Object.freeze({ ...this.#counts, skipped: Object.freeze([...this.#skipped]) });
  }
}
