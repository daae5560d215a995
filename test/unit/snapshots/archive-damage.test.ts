import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { describe, test } from "node:test";
import { constants, zstdCompressSync } from "node:zlib";
import { SmolVMError } from "../../../src/errors/smolvm-error.ts";
import { extractEntry } from "../../../src/snapshots/archive/extract-entry.ts";
import { openArchive } from "../../../src/snapshots/archive/open-archive.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";
import {
  archiveOf,
  END_PART,
  entryPart,
  forged,
  manifestPart,
  noise,
  randomNumbers,
  readArchive,
  sealed,
} from "./archive-fixture.ts";

const page = Buffer.alloc(4096, 1);
/** About 2 KiB, with two entries, several runs, and a hole. */
const small = await archiveOf({
  manifest: { snapshot: "small", tags: ["a", "b"] },
  entries: [
    {
      name: "memory",
      sizeBytes: 65_536,
      mode: 0o600,
      runs: [
        { offset: 4096, bytes: noise(800) },
        { offset: 40_000, bytes: page },
      ],
    },
    { name: "disk.qcow2", sizeBytes: 900, mode: 0o640, runs: [{ offset: 0, bytes: noise(900) }] },
  ],
});

/** What reading the bytes to the end fails with. */
async function failureOf(bytes: Buffer): Promise<SmolVMError | undefined> {
  try {
    await readArchive(bytes);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof SmolVMError, `a typed error, not ${String(error)}`);
    return error;
  }
}

describe("damage of an archive is found", () => {
  test("whichever bit is changed", async () => {
    assert.ok(small.length > 1800 && small.length < 2500);
    assert.equal(await failureOf(small), undefined);
    const next = randomNumbers(1);
    for (let offset = 0; offset < small.length; offset++) {
      const changed = Buffer.from(small);
      changed[offset]! ^= 1 << next(8);
      const isVersion = offset >= 8 && offset < 12;
      const code = isVersion ? "SNAPSHOT_INCOMPATIBLE" : "SNAPSHOT_CORRUPT";
      assert.equal((await failureOf(changed))?.code, code, `byte ${offset}`);
    }
  });

  test("wherever it is cut off", async () => {
    for (let length = 0; length < small.length; length++) {
      const error = await failureOf(small.subarray(0, length));
      assert.equal(error?.code, "SNAPSHOT_CORRUPT", `${length} bytes`);
    }
  });

  for (const [what, added] of [
    ["a byte", Buffer.of(0)],
    ["text", Buffer.from("\n".repeat(100))],
    ["the archive once more", small],
  ] as const) {
    test(`when ${what} follows`, async () => {
      assert.equal((await failureOf(Buffer.concat([small, added])))?.code, "SNAPSHOT_CORRUPT");
    });
  }
});

describe("an archive is refused", () => {
  const start = [manifestPart()] as const;
  const hostile: readonly (readonly [what: string, bytes: Buffer, message: RegExp])[] = [
    ["that is none", Buffer.from("#!/bin/sh\necho no archive\n"), /does not start like/],
    ["without a frame", sealed(Buffer.alloc(0)), /unexpected end|too early/],
    ["without a manifest", forged(Buffer.alloc(0)), /ends too early/],
    ["with a manifest that is said to be huge", forged(Buffer.of(255, 255, 255, 255)), /manifest .* 4294967295 bytes/],
    ["with a manifest that is no JSON", forged(manifestPart("{"), END_PART), /no JSON/],
    ["with a manifest that is no UTF-8", forged(manifestPart(Buffer.of(34, 255, 34)), END_PART), /no JSON/],
    [
      "whose manifest has another digest",
      forged(changed(manifestPart('"a"'), 5), END_PART),
      /manifest has another digest/,
    ],
    ["without an end", forged(...start, entryPart()), /ends too early/],
    ["with content behind its end", forged(...start, END_PART, END_PART), /follows its end/],
    ["with much content behind its end", forged(...start, END_PART, Buffer.alloc(2 ** 24)), /follows its end/],
    [
      "with bytes behind its frame",
      sealed(Buffer.concat([packed(...start, END_PART), Buffer.of(1, 2, 3)])),
      /follows its frame|zstd/,
    ],
    ["with a record of no known type", forged(...start, Buffer.of(9)), /starts with 9/],
    ["with an entry in an entry", forged(...start, entryPart().subarray(0, -33), entryPart()), /starts with 1/],
    [
      "whose entry has another digest",
      forged(...start, changed(entryPart(), 9), END_PART),
      /"memory" has another digest/,
    ],
    ["with two entries of one name", forged(...start, entryPart(), entryPart(), END_PART), /two entries/],
    [
      "with 1025 entries",
      forged(...start, ...Array.from({ length: 1025 }, (_, index) => entryPart({ name: `e${index}` }))),
      /more than 1024/,
    ],
    [
      "with an entry that is a program of its owner",
      forged(...start, entryPart({ mode: 0o4755 })),
      /more than permissions/,
    ],
    [
      "with an entry of more than 1 TiB",
      forged(...start, entryPart({ sizeBytes: 2 ** 40 + 1 })),
      /1099511627776 is the most/,
    ],
    ["with an entry of 2^64-1 bytes", forged(...start, entryPart({ sizeBytes: 2n ** 64n - 1n })), /is the most/],
    ...["", "a/b", "..", ".", ".hidden", "-rf", "Memory", "a\0", "ä", "a".repeat(65)].map(
      (name) =>
        [
          `with an entry called ${JSON.stringify(name)}`,
          forged(...start, entryPart({ name }), END_PART),
          /name that none can have/,
        ] as const,
    ),
    ...(
      [
        ["behind the end of its entry", [{ offset: 8192, bytes: page }]],
        ["across the end of its entry", [{ offset: 4097, bytes: page }]],
        ["far outside of its entry", [{ offset: 2n ** 64n - 1n, bytes: page }]],
        [
          "that overlaps the one before",
          [
            { offset: 0, bytes: page },
            { offset: 4095, bytes: page },
          ],
        ],
        [
          "before the one before",
          [
            { offset: 4096, bytes: page },
            { offset: 0, bytes: page },
          ],
        ],
        ["of no bytes", [{ offset: 0, bytes: Buffer.alloc(0) }]],
      ] as const
    ).map(
      ([what, runs]) =>
        [`with a run ${what}`, forged(...start, entryPart({ runs }), END_PART), /a run of "memory" goes from/] as const,
    ),
    [
      "with a run that ends too early",
      forged(...start, entryPart({ runs: [{ offset: 0, length: 8192, bytes: page }] })),
      /ends too early/,
    ],
    [
      "that needs a window of 16 MiB",
      sealed(
        zstdCompressSync(Buffer.concat([...start, entryPart(), END_PART, Buffer.alloc(2 ** 25)]), {
          params: { [constants.ZSTD_c_windowLog]: 24, [constants.ZSTD_c_contentSizeFlag]: 0 },
        }),
      ),
      /zstd says/,
    ],
  ];
  for (const [what, bytes, message] of hostile) {
    test(what, async () => {
      const error = await failureOf(bytes);
      assert.equal(error?.code, "SNAPSHOT_CORRUPT");
      assert.match(error.message, message);
    });
  }

  test("while one that is forged to follow the format is read, so that the ones above are refused for their reasons", async () => {
    const { manifest, entries } = await readArchive(
      forged(manifestPart('"a"'), entryPart({ runs: [{ offset: 4096, bytes: page }] }), END_PART),
    );
    assert.equal(manifest, "a");
    assert.deepEqual(entries, [{ name: "memory", mode: 0o600, bytes: Buffer.concat([Buffer.alloc(4096), page]) }]);
  });

  test("of another version, before anything is decompressed", async () => {
    const other = Buffer.concat([Buffer.from("SMOLSNAP"), Buffer.of(0, 0, 0, 2), Buffer.from("who knows")]);
    await assert.rejects(readArchive(other), {
      code: "SNAPSHOT_INCOMPATIBLE",
      message: "the archive has version 2 of the format, and this release reads version 1",
      details: { formatVersion: 2 },
    });
  });

  test("when its entries together are larger than the caller wants", async () => {
    const bytes = forged(...start, entryPart({ name: "a", sizeBytes: 5000 }), entryPart({ sizeBytes: 3000 }), END_PART);
    await readArchive(bytes, { maxBytes: 8000 });
    await assert.rejects(readArchive(bytes, { maxBytes: 7999 }), {
      code: "SNAPSHOT_CORRUPT",
      message: /hold 8000 bytes or more, and 7999 is the most/,
      hint: /raise maxBytes/,
    });
  });
});

describe("a bomb", () => {
  test("is unpacked only as far as it is read", async () => {
    // 256 MiB of ones in some 8 KiB.
    const bytes = Buffer.alloc(2 ** 28, 1);
    const bomb = forged(manifestPart(), entryPart({ sizeBytes: bytes.length, runs: [{ offset: 0, bytes }] }), END_PART);
    assert.ok(bomb.length < 65_536);
    await using archive = await openArchive(Readable.from([bomb]));
    const before = process.memoryUsage().arrayBuffers;
    for await (const entry of archive.entries) {
      for await (const { offset } of entry.runs()) if (offset > 2 ** 20) break;
      break;
    }
    const grownMiB = (process.memoryUsage().arrayBuffers - before) / 2 ** 20;
    assert.ok(grownMiB < 32, `${grownMiB} MiB were unpacked`);
  });
});

describe("an archive that turned out to be damaged", () => {
  test("stays so, whatever is asked of it, and lets go of its source", async () => {
    const source = Readable.from([forged(manifestPart(), Buffer.of(9))]);
    await using archive = await openArchive(source);
    await assert.rejects(archive.finish(), { code: "SNAPSHOT_CORRUPT", message: /starts with 9/ });
    await assert.rejects(archive.finish(), { code: "SNAPSHOT_CORRUPT", message: /starts with 9/ });
    await assert.rejects(archive.entries[Symbol.asyncIterator]().next(), { code: "SNAPSHOT_CORRUPT" });
    assert.ok(source.destroyed);
  });

  test("leaves no file of the damaged entry", async (t) => {
    const path = join(temporaryDir(t), "memory");
    const bad = changed(entryPart({ runs: [{ offset: 0, bytes: page }] }), 100);
    await using archive = await openArchive(Readable.from([forged(manifestPart(), bad, END_PART)]));
    await assert.rejects(
      async () => {
        for await (const entry of archive.entries) await extractEntry(entry, path);
      },
      { code: "SNAPSHOT_CORRUPT", message: /"memory" has another digest/ },
    );
    assert.equal(existsSync(path), false);
  });
});

describe("an archive that is closed", () => {
  test("lets go of a source that has not ended, and is not read any more", async () => {
    const bytes = noise(300_000);
    const runs = [{ offset: 0, bytes }];
    const source = new PassThrough();
    source.write(
      (await archiveOf({ manifest: 1, entries: [{ name: "a", sizeBytes: 300_000, mode: 0, runs }] })).subarray(0, -1),
    );
    const archive = await openArchive(source);
    assert.equal(source.destroyed, false);
    await archive[Symbol.asyncDispose]();
    assert.ok(source.destroyed);
    await assert.rejects(archive.finish(), /is closed/);
    await archive[Symbol.asyncDispose]();
  });
});

describe("a source that fails", () => {
  test("is no damage", async () => {
    const source = new PassThrough();
    source.write(small.subarray(0, 300));
    source.destroy(Object.assign(new Error("read EIO"), { code: "EIO" }));
    await assert.rejects(readArchive(source), { name: "HostError", code: "IO_ERROR", message: /read EIO/ });
  });

  for (const bytes of [0, 5, 12, 300, small.length - 1]) {
    test(`to speak after ${bytes} bytes is given up when the signal fires`, async () => {
      const source = new PassThrough();
      source.write(small.subarray(0, bytes));
      const controller = new AbortController();
      const reason = new Error("enough");
      const reading = readArchive(source, { signal: controller.signal });
      setTimeout(() => controller.abort(reason), 20);
      await assert.rejects(reading, (error) => error === reason);
      assert.ok(source.destroyed);
    });
  }
});

function changed(bytes: Buffer, offset: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[offset]! ^= 1;
  return copy;
}

function packed(...parts: readonly Buffer[]): Buffer {
  return zstdCompressSync(Buffer.concat(parts));
}
