import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import type { MemoryRegion } from "../../src/process/memory-region.ts";
import { captureMemory, prepareCapture } from "../../src/snapshots/memory/capture-memory.ts";
import { composeMemory } from "../../src/snapshots/memory/compose-memory.ts";
import { isMemoryUnreadable } from "../../src/snapshots/memory/memory-unreadable-error.ts";
import { PAGE_BYTES } from "../../src/snapshots/memory/page.ts";
import { PagesFile } from "../../src/snapshots/memory/pages-file.ts";
import { seededRandom } from "../unit/guest/seeded-random.ts";
import { temporaryDir } from "../support/temporary-dir.ts";
import { compileMemoryHolder, MemoryHolder } from "./memory-holder.ts";

const MIB = 2 ** 20;
const PAGES = (64 * MIB) / PAGE_BYTES;
const SIZE_BYTES = PAGES * PAGE_BYTES;

let programDir = "";
let program = "";
before(() => {
  programDir = mkdtempSync(join(tmpdir(), "memory-holder-"));
  program = compileMemoryHolder(programDir);
});
after(() => rmSync(programDir, { recursive: true, force: true }));

/** A file of random pages with a hole in its middle. */
function makeBase(directory: string): string {
  const path = join(directory, "base");
  const random = seededRandom(1);
  const content = Buffer.alloc(SIZE_BYTES);
  for (let at = 0; at < SIZE_BYTES / 4; at += 4) content.writeUInt32LE(random(2 ** 32), at);
  content.copy(content, SIZE_BYTES / 2, 0, SIZE_BYTES / 4);
  writeFileSync(path, content);
  return path;
}

/** A holder of memory, and the pages files made of it so far. */
class Subject implements AsyncDisposable {
  readonly directory: string;
  readonly holder: MemoryHolder;
  readonly basePath: string | undefined;
  readonly pages: string[] = [];

  private constructor(directory: string, holder: MemoryHolder, basePath: string | undefined) {
    this.directory = directory;
    this.holder = holder;
    this.basePath = basePath;
  }

  static async start(directory: string, hasBase: boolean): Promise<Subject> {
    const basePath = hasBase ? makeBase(directory) : undefined;
    return new Subject(directory, await MemoryHolder.start(program, SIZE_BYTES, basePath), basePath);
  }

  /** Captures the memory on top of the earlier captures; answers with how many pages were written. */
  async capture(): Promise<number> {
    const path = join(this.directory, `pages-${this.pages.length}`);
    const hasBase = this.basePath !== undefined;
    const { region } = this.holder;
    await using captured = await captureMemory(region, { hasBase, directory: this.directory });
    const { pages } = await captured.write(path, { parents: this.pages });
    this.pages.push(path);
    return pages;
  }

  /** Asserts that what was captured, composed, is what the process itself says that it holds. */
  async assertComposed(message?: string): Promise<void> {
    const targetPath = join(this.directory, "composed");
    const dumpPath = join(this.directory, "dump");
    const { basePath, pages } = this;
    await composeMemory({ targetPath, sizeBytes: SIZE_BYTES, basePath, pages });
    await this.holder.dump(dumpPath);
    assert.ok(readFileSync(targetPath).equals(readFileSync(dumpPath)), message);
    for (const path of [targetPath, `${targetPath}.extents`, dumpPath]) rmSync(path, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.holder[Symbol.asyncDispose]();
  }
}

for (const hasBase of [true, false]) {
  describe(`memory ${hasBase ? "over a base" : "of its own"}`, () => {
    test("of which nothing has changed is captured without pages", async (t) => {
      await using subject = await Subject.start(temporaryDir(t), hasBase);
      await subject.holder.look(0, PAGES);
      assert.equal(await subject.capture(), 0);
      await subject.assertComposed();
    });

    test("is captured with what has changed, and composes to what it was", async (t) => {
      await using subject = await Subject.start(temporaryDir(t), hasBase);
      await subject.holder.look(1, 500);
      await subject.holder.data(0, 1, 1);
      await subject.holder.data(100, 3_000, 2);
      await subject.holder.data(9_000, 40, 3);
      await subject.holder.data(PAGES - 1, 1, 4);
      assert.equal(await subject.capture(), 3_042);
      await subject.assertComposed();
    });

    test("is captured a second time with what has changed since the first", async (t) => {
      await using subject = await Subject.start(temporaryDir(t), hasBase);
      await subject.holder.data(0, 5_000, 1);
      assert.equal(await subject.capture(), 5_000);
      // Written to, but with what was there.
      await subject.holder.data(0, 5_000, 1);
      await subject.holder.data(700, 250, 2);
      await subject.holder.data(12_000, 250, 3);
      assert.equal(await subject.capture(), 500);
      assert.ok(statSync(subject.pages[1] as string).size < 510 * PAGE_BYTES);
      await subject.assertComposed();
      assert.equal(await subject.capture(), 0);
      await subject.assertComposed();
    });

    test("that was overwritten with zeros is zeros", async (t) => {
      await using subject = await Subject.start(temporaryDir(t), hasBase);
      await subject.holder.zero(10, 100);
      await subject.holder.data(200, 100, 1);
      assert.equal(await subject.capture(), 100);
      await subject.assertComposed();
      await subject.holder.zero(200, 50);
      assert.equal(await subject.capture(), 0);
      await subject.assertComposed();
    });

    test("that was given back is what lies below", async (t) => {
      await using subject = await Subject.start(temporaryDir(t), hasBase);
      await subject.holder.data(0, 300, 1);
      await subject.capture();
      await subject.holder.drop(100, 100);
      assert.equal(await subject.capture(), 0);
      await subject.assertComposed();
      await subject.holder.data(150, 10, 2);
      assert.equal(await subject.capture(), 10);
      await subject.assertComposed();
    });

    test("composes to what it was after any sequence of changes", async (t) => {
      for (let seed = 1; seed <= 2; seed++) {
        const random = seededRandom(seed);
        await using subject = await Subject.start(temporaryDir(t), hasBase);
        for (let round = 0; round < 5; round++) {
          for (let change = 0; change < 40; change++) {
            const page = random(PAGES);
            const count = Math.min(1 + random(random(4) === 0 ? 700 : 5), PAGES - page);
            const what = random(10);
            if (what < 6) await subject.holder.data(page, count, random(10));
            else if (what < 8) await subject.holder.zero(page, count);
            else if (what < 9) await subject.holder.drop(page, count);
            else await subject.holder.look(page, count);
          }
          await subject.capture();
          await subject.assertComposed(`seed ${seed}, round ${round}`);
        }
      }
    });
  });
}

test("a prepared capture holds the memory as it is when it is made, also what changed since it was prepared", async (t) => {
  const directory = temporaryDir(t);
  await using subject = await Subject.start(directory, true);
  await subject.holder.data(0, 2_000, 1);
  await using prepared = await prepareCapture(subject.holder.region, { directory });
  await subject.holder.data(500, 100, 2);
  await subject.holder.data(5_000, 4_000, 3);
  await subject.holder.drop(0, 100);
  await using captured = await prepared.capture({ hasBase: true });
  assert.equal(captured.capturedBytes, 5_900 * PAGE_BYTES);
  const path = join(directory, "pages-0");
  assert.equal((await captured.write(path, { parents: [] })).pages, 5_900);
  subject.pages.push(path);
  await subject.assertComposed();
});

test("a capture is not changed by what the process does afterwards", async (t) => {
  const directory = temporaryDir(t);
  await using subject = await Subject.start(directory, true);
  await subject.holder.data(0, 100, 1);
  await using captured = await captureMemory(subject.holder.region, { hasBase: true, directory });
  const dumpPath = join(directory, "dump");
  await subject.holder.dump(dumpPath);
  await subject.holder.data(0, 200, 2);
  const path = join(directory, "pages-0");
  await captured.write(path, { parents: [] });
  const targetPath = join(directory, "composed");
  await composeMemory({ targetPath, sizeBytes: SIZE_BYTES, basePath: subject.basePath, pages: [path] });
  assert.ok(readFileSync(targetPath).equals(readFileSync(dumpPath)));
});

test("more changes than are kept in memory are captured through a file that nobody sees", async (t) => {
  const directory = temporaryDir(t);
  const sizeBytes = 320 * MIB;
  await using holder = await MemoryHolder.start(program, sizeBytes);
  await holder.data(0, sizeBytes / PAGE_BYTES, 1);
  const before = process.memoryUsage.rss();
  await using captured = await captureMemory(holder.region, { hasBase: false, directory });
  const grownMiB = (process.memoryUsage.rss() - before) / MIB;
  assert.ok(grownMiB < 300, `${grownMiB} MiB were taken for 320 MiB`);
  assert.deepEqual(readdirSync(directory), []);
  const pages = [join(directory, "pages")];
  await captured.write(join(directory, "pages"), { parents: [] });
  await captured.discard();
  await using file = await PagesFile.open(join(directory, "pages"));
  assert.equal(file.pageCount, sizeBytes / PAGE_BYTES);
  const targetPath = join(directory, "composed");
  await composeMemory({ targetPath, sizeBytes, basePath: undefined, pages });
  await holder.dump(join(directory, "dump"));
  await promisify(execFile)("cmp", [targetPath, join(directory, "dump")]);
});

test("a capture that is given up leaves nothing, and neither memory nor files", async (t) => {
  const directory = temporaryDir(t);
  await using subject = await Subject.start(directory, false);
  await subject.holder.data(0, PAGES, 1);
  const files = readdirSync("/proc/self/fd").length;
  const controller = new AbortController();
  const capturing = captureMemory(subject.holder.region, { hasBase: false, directory, signal: controller.signal });
  setImmediate(() => controller.abort(new Error("enough")));
  await assert.rejects(capturing, { message: "enough" });
  assert.equal(readdirSync("/proc/self/fd").length, files);
  assert.deepEqual(readdirSync(directory), []);
});

describe("memory that cannot be read", () => {
  /** What capturing fails with. */
  async function failureOf(region: MemoryRegion, directory: string): Promise<unknown> {
    try {
      await captureMemory(region, { hasBase: false, directory });
    } catch (error) {
      return error;
    }
    return undefined;
  }

  test("since the process has ended is told apart", async (t) => {
    const holder = await MemoryHolder.start(program, SIZE_BYTES);
    await using prepared = await prepareCapture(holder.region, { directory: temporaryDir(t) });
    await holder[Symbol.asyncDispose]();
    const failure = await failureOf(holder.region, temporaryDir(t));
    assert.ok(isMemoryUnreadable(failure), String(failure));
    await assert.rejects(prepared.capture({ hasBase: false }), isMemoryUnreadable);
  });

  test("since there is none at the address, or not enough, is told apart", async (t) => {
    await using holder = await MemoryHolder.start(program, SIZE_BYTES);
    for (const wrong of [{ address: 4096n * 16n }, { sizeBytes: 2 ** 46 }, { pid: 2 ** 22 }]) {
      const failure = await failureOf({ ...holder.region, ...wrong }, temporaryDir(t));
      assert.ok(isMemoryUnreadable(failure), String(failure));
    }
  });

  test("since it is another user's is told apart", async () => {
    await using holder = await MemoryHolder.start(program, SIZE_BYTES);
    const capture = join(import.meta.dirname, "../../src/snapshots/memory/capture-memory.ts");
    const unreadable = join(import.meta.dirname, "../../src/snapshots/memory/memory-unreadable-error.ts");
    const { pid, address } = holder.region;
    const script = `
      const { captureMemory } = await import(${JSON.stringify(capture)});
      const { isMemoryUnreadable } = await import(${JSON.stringify(unreadable)});
      const region = { pid: ${pid}, address: ${address}n, sizeBytes: ${SIZE_BYTES} };
      process.setgroups([]);
      process.setgid(65534);
      process.setuid(65534);
      try {
        await captureMemory(region, { hasBase: false, directory: "/tmp" });
        console.log("it was read");
      } catch (error) {
        console.log(isMemoryUnreadable(error), error.code, error.details.reason);
      }`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
    assert.match(stdout, /^true IO_ERROR (EACCES|EPERM)\n$/);
  });
});
