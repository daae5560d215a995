import { DatabaseSync } from "node:sqlite";
import { HostError, SmolVMError } from "../errors/smolvm-error.ts";
import { MIGRATIONS } from "./migrations.ts";

/** How long a writer waits for another process's transaction; each takes well under a millisecond. */
const BUSY_TIMEOUT_MS = 10_000;

/**
 * The state shared by all processes that use one data directory: SQLite in WAL mode.
 *
 * Calls are synchronous: they take tens of microseconds, and an await between reading and writing is where races start.
 */
export class Database implements Disposable {
  readonly #db: DatabaseSync;

  /** @throws {HostError} `STATE_ERROR` when the file cannot be opened, or was written by a newer release. */
  constructor(path: string) {
    try {
      this.#db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
      // NORMAL loses nothing when a process dies; only a power failure may undo the last transactions.
      this.#db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON");
    } catch (cause) {
      throw new HostError("STATE_ERROR", `the state database ${path} cannot be opened: ${(cause as Error).message}`, {
        cause,
      });
    }
    try {
      this.#migrate(path);
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  /** Runs `work` in one `BEGIN IMMEDIATE` transaction: the lock is taken before the first read. */
  transaction<T>(work: () => T): T {
    this.#guard(() => this.#db.exec("BEGIN IMMEDIATE"));
    try {
      const result = work();
      this.#guard(() => this.#db.exec("COMMIT"));
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  /** The rows of a query. */
  all(sql: string, ...parameters: readonly SqlValue[]): readonly SqlRow[] {
    return this.#guard(() => this.#db.prepare(sql).all(...parameters) as SqlRow[]);
  }

  /** The first row of a query, or undefined. */
  get(sql: string, ...parameters: readonly SqlValue[]): SqlRow | undefined {
    return this.#guard(() => this.#db.prepare(sql).get(...parameters) as SqlRow | undefined);
  }

  /** Runs a statement; returns how many rows it changed. */
  run(sql: string, ...parameters: readonly SqlValue[]): number {
    return this.#guard(() => Number(this.#db.prepare(sql).run(...parameters).changes));
  }

  [Symbol.dispose](): void {
    if (this.#db.isOpen) this.#db.close();
  }

  #migrate(path: string): void {
    const version = (): number => Number(this.get("PRAGMA user_version")?.["user_version"] ?? 0);
    if (version() === MIGRATIONS.length) return;
    this.transaction(() => {
      // Read again under the lock: another process may have migrated in between.
      const from = version();
      if (from > MIGRATIONS.length) {
        throw new HostError("STATE_ERROR", `${path} was written by a newer release (schema ${from})`, {
          hint: `Upgrade smolvm, or use another data directory. This release knows schema ${MIGRATIONS.length}.`,
        });
      }
      for (const step of MIGRATIONS.slice(from)) this.#db.exec(step);
      this.#db.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
    });
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      if (cause instanceof SmolVMError) throw cause;
      throw new HostError("STATE_ERROR", `the state database failed: ${(cause as Error).message}`, { cause });
    }
  }
}

/** A value in a row. */
export type SqlValue = string | number | null;

/** One row of a query. */
export type SqlRow = Readonly<Record<string, SqlValue>>;
