import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { PassThrough, Readable, Writable } from "node:stream";
import { describe, test } from "node:test";
import type { ArchiveRun, JsonValue } from "../../../src/snapshots/archive/archive-format.ts";
import type { ArchiveProgress, ArchiveSource } from "../../../src/snapshots/archive/encode-content.ts";
import { extractEntry } from "../../../src/snapshots/archive/extract-entry.ts";
import { openArchive } from "../../../src/snapshots/archive/open-archive.ts";
import { writeArchive } from "../../../src/snapshots/archive/write-archive.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";
import { archiveOf, noise, randomNumbers, readArchive } from "./archive-fixture.ts";

type Next = (limit: number) => number;

const PAGE_BYTES = 4096;

/** Bytes with pages of data, holes, and data that starts and ends anywhere. */
function randomSparse(next: Next): Buffer {
  const bytes = Buffer.alloc(next(2) === 0 ? next(5000) : next(900_000));
  for (let island = next(8); island > 0; island--) {
    const data = noise(next(3) === 0 ? next(100_000) : next(300), next);
    const start = next(bytes.length);
    bytes.set(data.subarray(0, bytes.length - start), next(2) === 0 ? start : start - (start % PAGE_BYTES));
  }
  return bytes;
}

/** The same bytes in runs of any size, some of which leave zeros out. */
function* randomRuns(bytes: Buffer, next: Next): Generator<ArchiveRun, void, undefined> {
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + next(next(2) === 0 ? 300 : 400_000));
    const run = bytes.subarray(at, end);
    if (run.some((byte) => byte !== 0) || next(2) === 0) yield { offset: at, bytes: run };
    at = end;
  }
}

/** The same bytes in chunks of any size. */
function* randomChunks(bytes: Buffer, next: Next): Generator<Buffer, void, undefined> {
  for (let at = 0; at < bytes.length;) {
    const chunk = bytes.subarray(at, at + 1 + next(next(2) === 0 ? 40 : 100_000));
    yield chunk;
    at += chunk.length;
  }
}

function sparseFile(
  path: string,
  sizeBytes: number,
  islands: readonly (readonly [offset: number, bytes: Buffer])[],
): string {
  const file = openSync(path, "w");
  ftruncateSync(file, sizeBytes);
  for (const [offset, bytes] of islands) writeSync(file, bytes, 0, bytes.length, offset);
  closeSync(file);
  return path;
}

const oneEntry = (
  runs: ArchiveSource["runs"],
  more: Partial<ArchiveSource> = {},
): { manifest: JsonValue; entries: ArchiveSource[] } => ({
  manifest: null,
  entries: [{ name: "memory", sizeBytes: 8192, mode: 0o600, runs, ...more }],
});

describe("an archive gives back what was put into it", () => {
  for (let seed = 1; seed <= 25; seed++) {
    test(`from runs and files, through chunks of any size (seed ${seed})`, async (t) => {
      const dir = temporaryDir(t);
      const next = randomNumbers(seed);
      const files = Array.from({ length: next(5) }, (_, index) => ({
        name: `file-${index}.x`,
        mode: next(0o1000),
        bytes: randomSparse(next),
      }));
      const manifest = { seed, text: "ü".repeat(next(1000)), list: [1, null, true, { deep: [] }] };
      const entries = files.map(({ name, mode, bytes }): ArchiveSource => {
        if (next(2) === 0) return { name, mode, sizeBytes: bytes.length, runs: [...randomRuns(bytes, next)] };
        writeFileSync(join(dir, name), bytes);
        return { name, mode, sizeBytes: bytes.length, runs: join(dir, name) };
      });
      const packed = await archiveOf({ manifest, entries });
      const unpacked = await readArchive(Readable.from(randomChunks(packed, next)));
      assert.deepEqual(unpacked, { manifest, entries: files });
    });
  }

  test("as sparse files that only their owner can read", async (t) => {
    const dir = temporaryDir(t);
    const sizeBytes = 64 * 2 ** 20 + 5;
    const from = sparseFile(join(dir, "from"), sizeBytes, [
      [0, noise(10_000)],
      [2 ** 20, Buffer.alloc(2 ** 20)],
      [32 * 2 ** 20, noise(PAGE_BYTES)],
    ]);
    const path = join(dir, "archive");
    await writeArchive(path, oneEntry(from, { sizeBytes, mode: 0o755 }));
    assert.ok(statSync(path).size < 20_000);
    await using archive = await openArchive(path);
    for await (const entry of archive.entries) await extractEntry(entry, join(dir, "to"));
    const to = statSync(join(dir, "to"));
    assert.equal(to.mode & 0o777, 0o600);
    assert.equal(to.size, sizeBytes);
    assert.ok(to.blocks * 512 <= 5 * PAGE_BYTES, `${to.blocks * 512} bytes on the disk`);
    assert.ok(readFileSync(join(dir, "to")).equals(readFileSync(from)));
  });

  test("as far as a file was said to go, when there is more of it", async (t) => {
    const path = join(temporaryDir(t), "longer");
    writeFileSync(path, "0123456789");
    const { entries } = await readArchive(await archiveOf(oneEntry(path, { sizeBytes: 4 })));
    assert.equal(entries[0]?.bytes.toString(), "0123");
  });

  test("also when entries are passed over or left in the middle", async () => {
    const bytes = noise(600_000);
    const entry = (name: string): ArchiveSource => ({
      name,
      sizeBytes: bytes.length,
      mode: 0,
      runs: [{ offset: 0, bytes }],
    });
    const packed = await archiveOf({ manifest: 1, entries: ["a", "b", "c"].map(entry) });
    await using archive = await openArchive(Readable.from([packed]));
    const names = [];
    for await (const { name, runs } of archive.entries) {
      names.push(name);
      if (name !== "b") continue;
      for await (const run of runs()) {
        assert.equal(run.offset, 0);
        break;
      }
    }
    assert.deepEqual(names, ["a", "b", "c"]);
    await archive.finish();
  });

  test("once: what is asked for too late is refused, and no file of zeros", async (t) => {
    const packed = await archiveOf(oneEntry([{ offset: 0, bytes: noise(5000) }]));
    await using archive = await openArchive(Readable.from([packed]));
    const iterator = archive.entries[Symbol.asyncIterator]();
    const { value: entry } = await iterator.next();
    const late = entry.runs();
    assert.throws(() => entry.runs(), RangeError);
    await iterator.next();
    await assert.rejects(late.next(), RangeError);
    await assert.rejects(extractEntry(entry, join(temporaryDir(t), "late")), RangeError);
  });
});

describe("an archive", () => {
  test("starts with its magic number and version, followed by a zstd frame", async () => {
    const packed = await archiveOf({ manifest: {}, entries: [] });
    assert.equal(packed.subarray(0, 16).toString("hex"), `${Buffer.from("SMOLSNAP").toString("hex")}0000000128b52ffd`);
  });

  test("is the same for the same content, however its runs are cut", async () => {
    const bytes = noise(20_000);
    const whole = await archiveOf(oneEntry([{ offset: 0, bytes }], { sizeBytes: 20_000 }));
    assert.ok(whole.equals(await archiveOf(oneEntry([{ offset: 0, bytes }], { sizeBytes: 20_000 }))));
    const zeros = [{ offset: 0, bytes: Buffer.alloc(8192) }];
    assert.ok((await archiveOf(oneEntry(zeros))).equals(await archiveOf(oneEntry([]))), "zeros are left out");
  });

  test("leaves out the zeros of whole pages, wherever a run starts", async () => {
    const bytes = Buffer.alloc(4 * PAGE_BYTES, 1)
      .fill(0, 2000, 2 * PAGE_BYTES)
      .subarray(1000);
    const packed = await archiveOf(oneEntry([{ offset: 1000, bytes }], { sizeBytes: 4 * PAGE_BYTES }));
    await using archive = await openArchive(Readable.from([packed]));
    const found = [];
    for await (const entry of archive.entries) {
      for await (const run of entry.runs()) found.push([run.offset, run.offset + run.bytes.length]);
    }
    assert.deepEqual(found, [
      [1000, PAGE_BYTES],
      [2 * PAGE_BYTES, 4 * PAGE_BYTES],
    ]);
  });

  test("holds a manifest of 1 MiB, and no larger one", async () => {
    const text = "x".repeat(2 ** 20 - 2);
    assert.equal((await readArchive(await archiveOf({ manifest: text, entries: [] }))).manifest, text);
    await assert.rejects(archiveOf({ manifest: `${text}x`, entries: [] }), RangeError);
  });

  const page = Buffer.alloc(PAGE_BYTES, 1);
  const wrong: readonly (readonly [what: string, entries: ArchiveSource[], message: RegExp])[] = [
    ["a name that leads elsewhere", oneEntry([], { name: "../a" }).entries, /cannot be called "..\/a"/],
    ["two entries of one name", [...oneEntry([]).entries, ...oneEntry([]).entries], /two entries/],
    ["a mode that is more than permissions", oneEntry([], { mode: 0o1777 }).entries, /mode of "memory"/],
    ["a size that is no size", oneEntry([], { sizeBytes: -1 }).entries, /size of "memory"/],
    [
      "a run outside of its entry",
      oneEntry([{ offset: 4097, bytes: page }]).entries,
      /between 0 and 8192, not at 4097/,
    ],
    [
      "runs that overlap",
      oneEntry([
        { offset: 0, bytes: page },
        { offset: 4095, bytes: page },
      ]).entries,
      /between 4096 and 8192, not at 4095/,
    ],
    ["a run at no place", oneEntry([{ offset: Number.NaN, bytes: page }]).entries, /not at NaN/],
  ];
  for (const [what, entries, message] of wrong) {
    test(`is not written with ${what}`, async () => {
      await assert.rejects(archiveOf({ manifest: null, entries }), { name: "RangeError", message });
    });
  }
});

describe("the writing of an archive", () => {
  test("to a path makes a file for its owner alone, and nothing beside it", async (t) => {
    const dir = temporaryDir(t);
    const whileWriting: string[] = [];
    const runs = (function* () {
      yield { offset: 0, bytes: Buffer.of(1) };
      whileWriting.push(...readdirSync(dir));
    })();
    await writeArchive(join(dir, "a.smolsnap"), oneEntry(runs));
    assert.deepEqual(readdirSync(dir), ["a.smolsnap"]);
    assert.equal(statSync(join(dir, "a.smolsnap")).mode & 0o777, 0o600);
    assert.match(whileWriting.join(), /^\.smolvm-[0-9a-f]{16}$/);
    assert.equal((await readArchive(join(dir, "a.smolsnap"))).entries.length, 1);
  });

  test("overwrites nothing, not even a link to nowhere", async (t) => {
    const dir = temporaryDir(t);
    writeFileSync(join(dir, "file"), "kept");
    symlinkSync(join(dir, "nowhere"), join(dir, "link"));
    for (const name of ["file", "link"]) {
      let asked = 0;
      const runs = (function* () {
        yield { offset: asked++, bytes: Buffer.of(1) };
      })();
      await assert.rejects(writeArchive(join(dir, name), oneEntry(runs)), { name: "SmolVMError", code: "FILE_EXISTS" });
      assert.equal(asked, 0, "nothing was read");
    }
    assert.deepEqual(readdirSync(dir), ["file", "link"]);
    assert.equal(readFileSync(join(dir, "file"), "utf8"), "kept");
  });

  test("overwrites nothing that came to be there in the meantime", async (t) => {
    const dir = temporaryDir(t);
    const runs = (function* () {
      writeFileSync(join(dir, "a"), "kept");
      yield { offset: 0, bytes: Buffer.of(1) };
    })();
    await assert.rejects(writeArchive(join(dir, "a"), oneEntry(runs)), { code: "FILE_EXISTS" });
    assert.deepEqual(readdirSync(dir), ["a"]);
    assert.equal(readFileSync(join(dir, "a"), "utf8"), "kept");
  });

  test("leaves nothing when its content fails, and passes the error on", async (t) => {
    const dir = temporaryDir(t);
    const failure = new Error("the guest is gone");
    const runs = (function* () {
      yield { offset: 0, bytes: noise(4000) };
      throw failure;
    })();
    await assert.rejects(writeArchive(join(dir, "a"), oneEntry(runs)), (error) => error === failure);
    const lost = oneEntry(join(dir, "lost"));
    await assert.rejects(writeArchive(join(dir, "a"), lost), {
      name: "ValidationError",
      code: "INVALID_PATH",
      message: /reading .*lost/,
    });
    writeFileSync(join(dir, "short"), "12345");
    const short = oneEntry(join(dir, "short"));
    await assert.rejects(writeArchive(join(dir, "a"), short), { code: "IO_ERROR", message: /ends at 5 of 8192 bytes/ });
    assert.deepEqual(readdirSync(dir), ["short"]);
  });

  test("names the path when its directory does not exist", async (t) => {
    const path = join(temporaryDir(t), "no/such/place");
    await assert.rejects(writeArchive(path, oneEntry([])), {
      code: "INVALID_PATH",
      details: { path, errno: "ENOENT" },
    });
  });

  test("leaves nothing when it is aborted", async (t) => {
    const dir = temporaryDir(t);
    const controller = new AbortController();
    const reason = new Error("enough");
    let blocks = 0;
    const endless = (async function* () {
      for (let offset = 0; ; offset += 65_536) {
        if (++blocks === 40) controller.abort(reason);
        yield { offset, bytes: Buffer.alloc(65_536, "text") };
      }
    })();
    const content = oneEntry(endless, { sizeBytes: 2 ** 40 });
    await assert.rejects(
      writeArchive(join(dir, "a"), content, { signal: controller.signal }),
      (error) => error === reason,
    );
    assert.deepEqual(readdirSync(dir), []);
    await assert.rejects(
      writeArchive(join(dir, "a"), content, { signal: AbortSignal.abort(reason) }),
      (error) => error === reason,
    );
    assert.deepEqual(readdirSync(dir), []);
  });

  test("reads no further than its destination takes, and can be aborted then", async () => {
    let runBytes = 0;
    const controller = new AbortController();
    const endless = (async function* () {
      for (let offset = 0; ; offset += 65_536) {
        runBytes += 65_536;
        yield { offset, bytes: randomBytes(65_536) };
      }
    })();
    const stuck = new Writable({ write: () => {} });
    const writing = writeArchive(stuck, oneEntry(endless, { sizeBytes: 2 ** 40 }), { signal: controller.signal });
    const outcome = assert.rejects(writing, { name: "AbortError" });
    let before = -1;
    while (runBytes !== before) {
      before = runBytes;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    assert.ok(runBytes > 0 && runBytes <= 4 * 2 ** 20, `${runBytes} bytes were read`);
    controller.abort();
    await outcome;
    assert.ok(stuck.destroyed);
  });

  test("ends with the error of a destination that fails", async () => {
    const failing = new Writable({ write: (_chunk, _encoding, callback) => callback(new Error("EPIPE")) });
    await assert.rejects(writeArchive(failing, oneEntry([])), /EPIPE/);
  });

  test("tells how far it has come, to the end of each entry", async () => {
    const seen: ArchiveProgress[] = [];
    const content = {
      manifest: null,
      entries: ["a", "b"].map((name) => ({ ...oneEntry([{ offset: 1, bytes: Buffer.of(1) }]).entries[0]!, name })),
    };
    const sink = new PassThrough().resume();
    await writeArchive(sink, content, { onProgress: (progress) => seen.push(progress) });
    assert.deepEqual(
      seen,
      ["a", "b"].flatMap((entry) => [2, 8192].map((doneBytes) => ({ entry, sizeBytes: 8192, doneBytes }))),
    );
  });
});
