import { execFileSync, spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { MemoryRegion } from "../../src/process/memory-region.ts";

/** Compiles the program of {@link MemoryHolder}; answers with its path. */
export function compileMemoryHolder(directory: string): string {
  const program = join(directory, "memory-holder");
  const source = join(import.meta.dirname, "memory-holder.c");
  execFileSync("cc", ["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", source, "-o", program]);
  return program;
}

/** A process that holds memory as a VMM does, and changes it when told. */
export class MemoryHolder implements AsyncDisposable {
  readonly region: MemoryRegion;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  private constructor(region: MemoryRegion, process: ChildProcessWithoutNullStreams, lines: AsyncIterator<string>) {
    this.region = region;
    this.#process = process;
    this.#lines = lines;
  }

  /** Maps the base privately, or nothing. */
  static async start(program: string, sizeBytes: number, basePath?: string): Promise<MemoryHolder> {
    const child = spawn(program, [String(sizeBytes), ...(basePath === undefined ? [] : [basePath])]);
    const reader: Interface = createInterface(child.stdout);
    const lines = reader[Symbol.asyncIterator]();
    const { value } = await lines.next();
    if (child.pid === undefined || value === undefined) throw new Error("the holder of memory does not start");
    return new MemoryHolder({ pid: child.pid, address: BigInt(value), sizeBytes }, child, lines);
  }

  /** Fills pages with bytes that follow from the seed. */
  async data(page: number, count: number, seed: number): Promise<void> {
    await this.#do(`data ${page} ${count} ${seed}`);
  }

  /** Writes zeros. */
  async zero(page: number, count: number): Promise<void> {
    await this.#do(`zero ${page} ${count}`);
  }

  /** Gives pages back, so that they are again what is mapped. */
  async drop(page: number, count: number): Promise<void> {
    await this.#do(`drop ${page} ${count}`);
  }

  /** Reads pages, and changes nothing. */
  async look(page: number, count: number): Promise<void> {
    await this.#do(`look ${page} ${count}`);
  }

  /** Has the process write all of its memory to a file. */
  async dump(path: string): Promise<void> {
    await this.#do(`dump ${path}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exit = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exit;
  }

  async #do(line: string): Promise<void> {
    this.#process.stdin.write(`${line}\n`);
    const { value } = await this.#lines.next();
    if (value !== "ok") throw new Error(`the holder of memory refused: ${line}`);
  }
}
