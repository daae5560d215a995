import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { SmolVMError } from "../../../../src/errors/smolvm-error.ts";
import { GuestFileError } from "../../../../src/guest/files/file-error.ts";
import { sendTree } from "../../../../src/guest/files/tree-calls.ts";
import { encodeRecord } from "../../../../src/guest/files/tree-record.ts";
import type { Field } from "../../../../src/guest/protocol/fields.ts";
import { FileFlag, FrameType, Method, Status, Tag } from "../../../../src/guest/protocol/frame-types.ts";
import { VMFiles } from "../../../../src/vm/files/files.ts";
import { temporaryDir } from "../../../support/temporary-dir.ts";
import { GuestOfFiles } from "./guest-of-files.ts";
import { DIRECTORY, FILE, rawDirectory, rawEnd, rawEntry, rawExtent, rawFile } from "./tree-stream.ts";

const hasCode = (code: string) => (error: unknown) => error instanceof SmolVMError && error.code === code;

const stat = (size: bigint, mode: number = FILE): Field[] => [
  { tag: Tag.MODE, value: mode },
  { tag: Tag.SIZE, value: size },
  { tag: Tag.UID, value: 1 },
  { tag: Tag.GID, value: 2 },
  { tag: Tag.MTIME_NS, value: 1_700_000_000_500_000_000n },
  { tag: Tag.CTIME_NS, value: 1_700_000_001_000_000_000n },
  { tag: Tag.INODE, value: 12n },
  { tag: Tag.LINKS, value: 3 },
];

const system = (errno: number, message: string): Field[] => [
  { tag: Tag.ERRNO, value: errno },
  { tag: Tag.MESSAGE, value: message },
];

describe("arguments of file operations", () => {
  const files = new VMFiles(() => assert.fail("connected for a wrong argument"));
  const wrong: Readonly<Record<string, readonly [code: string, call: () => unknown]>> = {
    "a relative path": ["INVALID_PATH", () => files.read("etc/hosts")],
    "a path with a NUL byte": ["INVALID_PATH", () => files.readText("/a\0b")],
    "half a character": ["INVALID_PATH", () => files.stat("/\ud800")],
    "no path": ["INVALID_PATH", () => files.list(undefined as never)],
    "a relative new path": ["INVALID_PATH", () => files.rename("/a", "b")],
    "an empty link": ["INVALID_PATH", () => files.symlink("", "/a")],
    "an unknown option": ["INVALID_OPTION", () => files.read("/a", { encoding: "utf8" } as never)],
    "a negative offset": ["INVALID_OPTION", () => files.read("/a", { offset: -1 })],
    "half a byte": ["INVALID_OPTION", () => files.read("/a", { length: 0.5 })],
    "a deadline of no time": ["INVALID_OPTION", () => files.stat("/a", { timeoutMs: 0 })],
    "a mode with a type": ["INVALID_OPTION", () => files.chmod("/a", 0o100644)],
    "an owner without a group": ["INVALID_OPTION", () => files.chown("/a", { uid: 1 } as never)],
    "an owner that is -1": ["INVALID_OPTION", () => files.chown("/a", { uid: 2 ** 32 - 1, gid: 0 })],
    "no time": ["INVALID_OPTION", () => files.utimes("/a", new Date(Number.NaN))],
    "data that is a number": ["INVALID_OPTION", () => files.write("/a", 5 as never)],
    "an atomic append": ["INVALID_OPTION", () => files.write("/a", "", { atomic: true, append: true })],
    "an append at an offset": ["INVALID_OPTION", () => files.write("/a", "", { offset: 1, append: true })],
    "a policy that does not exist": ["INVALID_OPTION", () => files.download("/a", "/b", { symlinks: "some" as never })],
    "no path on the host": ["INVALID_PATH", () => files.download("/a", "")],
    "a missing path on the host": ["INVALID_PATH", () => files.upload("/no/such/path", "/a")],
    "a device of the host": ["INVALID_PATH", () => files.upload("/dev/null", "/a")],
    "a path longer than a request": ["INVALID_OPTION", () => files.stat(`/${"x".repeat(70_000)}`)],
  };
  for (const [name, [code, call]] of Object.entries(wrong)) {
    test(`are refused before anything is sent: ${name}`, async () => {
      await assert.rejects(
        async () => await call(),
        (error: Error & { code: string }) => {
          assert.deepEqual([error.name, error.code], ["ValidationError", code]);
          return true;
        },
      );
    });
  }
});

describe("an error of the guest", () => {
  const codes = [
    [2, "FILE_NOT_FOUND", "ENOENT"],
    [17, "FILE_EXISTS", "EEXIST"],
    [21, "IS_A_DIRECTORY", "EISDIR"],
    [20, "NOT_A_DIRECTORY", "ENOTDIR"],
    [39, "DIRECTORY_NOT_EMPTY", "ENOTEMPTY"],
    [13, "PERMISSION_DENIED", "EACCES"],
    [1, "PERMISSION_DENIED", "EPERM"],
    [30, "PERMISSION_DENIED", "EROFS"],
    [28, "NO_SPACE", "ENOSPC"],
    [122, "NO_SPACE", "EDQUOT"],
    [18, "GUEST_ERROR", "EXDEV"],
    [93, "GUEST_ERROR", "errno 93"],
  ] as const;

  test("has a code of its own for what programs branch on, the path and the name of the errno", async () => {
    await using subject = await GuestOfFiles.start();
    for (const [errno, code, name] of codes) {
      const call = subject.files.stat("/some/path");
      const { id } = await subject.request();
      subject.guest.result(id, Status.SYSTEM, system(errno, "/some/path: so it is"));
      await assert.rejects(call, (error: unknown) => {
        assert.ok(error instanceof GuestFileError);
        assert.deepEqual([error.code, error.errno, error.path], [code, name, "/some/path"]);
        assert.equal(error.message, `looking at "/some/path" failed in the guest: so it is (${name})`);
        assert.deepEqual(error.details, { path: "/some/path", errno: name, status: "SYSTEM" });
        return true;
      });
    }
  });

  test("names the file within a tree", async () => {
    await using subject = await GuestOfFiles.start();
    const call = subject.files.remove("/tree", { recursive: true });
    const { id, fields } = await subject.request();
    assert.equal(fields.u32(Tag.FLAGS), FileFlag.RECURSIVE);
    subject.guest.result(id, Status.SYSTEM, system(1, "/tree/inner/immutable: Operation not permitted"));
    await assert.rejects(call, /removing "\/tree" failed in the guest: \/tree\/inner\/immutable: Operation/);
  });

  test("of what is no regular file is NOT_A_FILE, and of a user that does not exist UNKNOWN_USER", async () => {
    await using subject = await GuestOfFiles.start();
    const read = subject.files.read("/dev/null");
    subject.guest.result((await subject.request()).id, Status.NOT_REGULAR);
    await assert.rejects(read, hasCode("NOT_A_FILE"));
    const chown = subject.files.chown("/a", "nobody-at-all");
    subject.guest.result((await subject.request()).id, Status.UNKNOWN_USER);
    await assert.rejects(chown, hasCode("UNKNOWN_USER"));
  });

  test("makes exists() false only where nothing can be there", async () => {
    await using subject = await GuestOfFiles.start();
    for (const [errno, expected] of [
      [2, false],
      [20, false],
    ] as const) {
      const call = subject.files.exists("/a");
      subject.guest.result((await subject.request()).id, Status.SYSTEM, system(errno, "x"));
      assert.equal(await call, expected);
    }
    const call = subject.files.exists("/a");
    subject.guest.result((await subject.request()).id, Status.SYSTEM, system(40, "x"));
    await assert.rejects(call, hasCode("GUEST_ERROR"));
  });
});

describe("what is known of a file", () => {
  test("has the types and units of Node", async () => {
    await using subject = await GuestOfFiles.start();
    const call = subject.files.stat("/a", { followSymlinks: false });
    const { id, fields } = await subject.request();
    assert.deepEqual([fields.u32(Tag.METHOD), fields.u32(Tag.FLAGS)], [Method.FILE_STAT, FileFlag.NO_FOLLOW]);
    subject.guest.result(id, Status.OK, [...stat(5n, 0o121777), { tag: Tag.TARGET, value: "b" }]);
    const result = await call;
    assert.deepEqual(result, {
      type: "symlink",
      size: 5,
      mode: 0o1777,
      uid: 1,
      gid: 2,
      mtime: new Date(1_700_000_000_500),
      mtimeMs: 1_700_000_000_500,
      ctime: new Date(1_700_000_001_000),
      inode: 12,
      links: 3,
      target: "b",
    });
    assert.ok(Object.isFrozen(result));
  });

  test("lacks nothing, or the guest has broken the protocol", async () => {
    await using subject = await GuestOfFiles.start();
    const call = subject.files.stat("/a");
    subject.guest.result((await subject.request()).id, Status.OK, stat(5n).slice(1));
    await assert.rejects(call, hasCode("PROTOCOL_ERROR"));
  });
});

describe("reading a file", () => {
  test("that is larger than maxBytes is given up before it comes", async () => {
    await using subject = await GuestOfFiles.start();
    const call = subject.files.read("/a", { maxBytes: 100, offset: 5 });
    const { id } = await subject.request();
    subject.started(id, stat(106n));
    await subject.guest.seen(FrameType.CANCEL);
    subject.guest.result(id, Status.CANCELLED);
    await assert.rejects(call, (error: Error) => {
      assert.match(error.message, /brings 101 bytes, and maxBytes is 100/);
      return hasCode("TRANSFER_LIMIT")(error);
    });
  });

  test("whose size is not what the guest said ends at maxBytes too", async () => {
    await using subject = await GuestOfFiles.start();
    const call = subject.files.read("/proc/x", { maxBytes: 100 });
    const { id } = await subject.request();
    subject.started(id, stat(0n));
    subject.output(id, Buffer.alloc(101));
    await subject.guest.seen(FrameType.CANCEL);
    subject.guest.result(id, Status.CANCELLED);
    await assert.rejects(call, hasCode("TRANSFER_LIMIT"));
  });

  test("that breaks off is an error, and never a short file", async () => {
    await using subject = await GuestOfFiles.start();
    const whole = subject.files.read("/a");
    const { id } = await subject.request();
    const reader = subject.files.readStream("/a").getReader();
    const first = reader.read();
    const { id: streamId } = await subject.request();
    for (const one of [id, streamId]) {
      subject.started(one, stat(10n));
      subject.output(one, Buffer.from("12345"));
      subject.end(one);
    }
    assert.equal(Buffer.from((await first).value!).toString(), "12345");
    subject.guest.hangUp();
    await assert.rejects(whole, hasCode("CHANNEL_BROKEN"));
    await assert.rejects(reader.read(), hasCode("CHANNEL_BROKEN"));
  });

  test("as a stream asks for more only as it is read, and gives up when it is cancelled", async () => {
    await using subject = await GuestOfFiles.start();
    const stream = subject.files.readStream("/a");
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(subject.guest.frames.filter(({ type }) => type === FrameType.REQUEST).length, 0);
    const reader = stream.getReader();
    const first = reader.read();
    const { id } = await subject.request();
    subject.started(id, stat(1_000_000n));
    subject.output(id, Buffer.alloc(262_144));
    assert.ok((await first).value!.length > 0);
    assert.equal(subject.guest.frames.filter(({ type }) => type === FrameType.CREDIT).length, 0);
    const cancelled = reader.cancel(new Error("enough"));
    await subject.guest.seen(FrameType.CANCEL);
    subject.guest.result(id, Status.CANCELLED);
    await cancelled;
  });

  test("stops when its signal says so", async () => {
    await using subject = await GuestOfFiles.start();
    const controller = new AbortController();
    const reason = new Error("enough");
    const call = subject.files.read("/a", { signal: controller.signal });
    const { id } = await subject.request();
    subject.started(id, stat(10n));
    controller.abort(reason);
    await subject.guest.seen(FrameType.CANCEL);
    subject.guest.result(id, Status.CANCELLED);
    await assert.rejects(call, reason);
    await assert.rejects(subject.files.read("/a", { signal: controller.signal }), reason);
  });
});

describe("writing a file", () => {
  const written = (subject: GuestOfFiles): string =>
    Buffer.concat(
      subject.guest.frames.filter(({ type }) => type === FrameType.DATA).map(({ payload }) => payload),
    ).toString();

  test("sends small data together with the request", async () => {
    await using subject = await GuestOfFiles.start();
    const call = subject.files.write("/a", "héllo", { mode: 0o600, owner: "1000:100", parents: true, exclusive: true });
    const { id, fields } = await subject.request();
    await subject.guest.seen(FrameType.END);
    assert.equal(written(subject), "héllo");
    assert.deepEqual(
      [Tag.MODE, Tag.UID, Tag.GID, Tag.FLAGS].map((tag) => fields.u32(tag)),
      [0o600, 1_000, 100, FileFlag.EXCLUSIVE | FileFlag.PARENTS],
    );
    subject.started(id);
    subject.guest.result(id, Status.OK, [{ tag: Tag.SIZE, value: 6n }]);
    await call;
  });

  test("says how it is to be written", async () => {
    await using subject = await GuestOfFiles.start();
    for (const [options, flags, offset] of [
      [{}, undefined, undefined],
      [{ atomic: false }, FileFlag.IN_PLACE, undefined],
      [{ append: true }, FileFlag.APPEND, undefined],
      [{ offset: 7 }, FileFlag.IN_PLACE, 7n],
      [{ offset: 0, atomic: false }, FileFlag.IN_PLACE, 0n],
    ] as const) {
      const call = subject.files.write("/a", "", options);
      const { id, fields } = await subject.request();
      assert.deepEqual([fields.u32(Tag.FLAGS), fields.u64(Tag.OFFSET)], [flags, offset]);
      subject.guest.result(id, Status.OK, [{ tag: Tag.SIZE, value: 0n }]);
      await call;
    }
  });

  test("fails when the guest wrote less than it was sent, or says done before it has everything", async () => {
    await using subject = await GuestOfFiles.start();
    const short = subject.files.write("/a", "12345");
    subject.guest.result((await subject.request()).id, Status.OK, [{ tag: Tag.SIZE, value: 4n }]);
    await assert.rejects(short, hasCode("PROTOCOL_ERROR"));
    const early = subject.files.write("/a", Buffer.alloc(1_000_000));
    subject.guest.result((await subject.request()).id, Status.OK, [{ tag: Tag.SIZE, value: 1_000_000n }]);
    await assert.rejects(early, hasCode("PROTOCOL_ERROR"));
  });

  test("takes a source that fails for a reason to leave no file", async () => {
    await using subject = await GuestOfFiles.start();
    const reason = new Error("no more");
    const call = subject.files.write(
      "/a",
      (async function* () {
        yield "some";
        throw reason;
      })(),
    );
    const { id } = await subject.request();
    subject.started(id);
    await subject.guest.seen(FrameType.CANCEL);
    subject.guest.result(id, Status.CANCELLED);
    await assert.rejects(call, reason);
  });

  test("tells its error while its source has nothing to say", async () => {
    await using subject = await GuestOfFiles.start();
    let isLeft = false;
    const source: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return: async () => {
          isLeft = true;
          return { done: true, value: undefined };
        },
      }),
    };
    const call = subject.files.write("/a", source);
    const stream = subject.files.writeStream("/b");
    for (const request of [await subject.request(), await subject.request()]) {
      subject.guest.result(request.id, Status.SYSTEM, system(28, "No space left on device"));
    }
    await assert.rejects(call, hasCode("NO_SPACE"));
    await assert.rejects(stream.getWriter().closed, hasCode("NO_SPACE"));
    assert.equal(isLeft, true);
  });

  test("takes strings, bytes, blobs, streams and iterables", async () => {
    await using subject = await GuestOfFiles.start();
    async function* pieces(): AsyncGenerator<string | Uint8Array> {
      yield "abc";
      yield new Uint8Array(0);
      yield Buffer.from("def");
    }
    for (const data of [
      "abcdef",
      Buffer.from("abcdef"),
      new Blob(["abc", "def"]),
      new Blob(["abcdef"]).stream(),
      pieces(),
    ]) {
      const call = subject.files.write("/a", data);
      const { id } = await subject.request();
      while (!subject.guest.frames.some((frame) => frame.type === FrameType.END && frame.id === id)) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      const bytes = subject.guest.frames.filter((frame) => frame.type === FrameType.DATA && frame.id === id);
      assert.equal(Buffer.concat(bytes.map(({ payload }) => payload)).toString(), "abcdef");
      subject.guest.result(id, Status.OK, [{ tag: Tag.SIZE, value: 6n }]);
      await call;
    }
  });

  test("as a stream closes when the file is in its place, and is given up when it is aborted", async () => {
    await using subject = await GuestOfFiles.start();
    const writer = subject.files.writeStream("/a").getWriter();
    const { id } = await subject.request();
    await writer.write("12345");
    let isClosed = false;
    const closing = writer.close().then(() => (isClosed = true));
    await subject.guest.seen(FrameType.END);
    assert.equal(isClosed, false);
    subject.guest.result(id, Status.OK, [{ tag: Tag.SIZE, value: 5n }]);
    await closing;

    const other = subject.files.writeStream("/a");
    const { id: otherId } = await subject.request();
    const aborting = other.abort(new Error("not wanted"));
    await subject.guest.seen(FrameType.CANCEL);
    subject.guest.result(otherId, Status.CANCELLED);
    await aborting;
  });
});

describe("a list", () => {
  const record = (name: string): Buffer => encodeRecord([{ tag: Tag.NAME, value: name }, ...stat(1n)]);

  test("is sorted by name", async () => {
    await using subject = await GuestOfFiles.start();
    const call = subject.files.list("/d/");
    const { id } = await subject.request();
    subject.started(id);
    subject.output(id, Buffer.concat(["b", "a", "B", "ä"].map(record)));
    subject.end(id);
    subject.guest.result(id, Status.OK);
    const entries = await call;
    assert.deepEqual(
      entries.map(({ name, path }) => [name, path]),
      [
        ["B", "/d/B"],
        ["a", "/d/a"],
        ["b", "/d/b"],
        ["ä", "/d/ä"],
      ],
    );
  });

  for (const name of ["..", "../../etc/passwd", "/etc/passwd", "a/b", ".", ""]) {
    test(`with the name ${JSON.stringify(name)} is a violation`, async () => {
      await using subject = await GuestOfFiles.start();
      const call = subject.files.list("/d");
      const { id } = await subject.request();
      subject.started(id);
      subject.output(id, record(name));
      await assert.rejects(call, hasCode("PROTOCOL_ERROR"));
      assert.equal(subject.channel.isOpen, true);
    });
  }

  test("of more than maxEntries is an error, and so is one that breaks off in a record", async () => {
    await using subject = await GuestOfFiles.start();
    const long = subject.files.list("/d", { maxEntries: 2 });
    const first = await subject.request();
    subject.output(first.id, Buffer.concat(["a", "b", "c"].map(record)));
    await assert.rejects(long, hasCode("TRANSFER_LIMIT"));
    const broken = subject.files.list("/d", { recursive: true });
    const second = await subject.request();
    subject.output(second.id, record("a/b").subarray(0, -1));
    subject.end(second.id);
    subject.guest.result(second.id, Status.OK);
    await assert.rejects(broken, hasCode("PROTOCOL_ERROR"));
  });
});

describe("a watch", () => {
  const change = (event: number, name?: string): Buffer =>
    encodeRecord([{ tag: Tag.EVENT, value: event }, ...(name === undefined ? [] : [{ tag: Tag.NAME, value: name }])]);

  test("begins when the guest says so, and tells changes by absolute path until it is closed", async () => {
    await using subject = await GuestOfFiles.start();
    let isReady = false;
    const watching = subject.files.watch("/d").then((watcher) => {
      isReady = true;
      return watcher;
    });
    const { id } = await subject.request();
    subject.started(id);
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(isReady, false);
    subject.output(
      id,
      Buffer.concat([encodeRecord([]), change(1, "a"), change(2, "b/c"), change(5), change(4), change(3, "a")]),
    );
    const watcher = await watching;
    const seen: string[] = [];
    for await (const { type, path } of watcher) {
      seen.push(`${type} ${path}`);
      if (seen.length === 5) {
        void subject.guest.seen(FrameType.CANCEL).then(() => subject.guest.result(id, Status.CANCELLED));
        break;
      }
    }
    assert.deepEqual(seen, ["create /d/a", "modify /d/b/c", "overflow /d", "attributes /d", "remove /d/a"]);
  });

  test("ends when what is watched is gone, when its signal says so, and when it is closed while it waits", async () => {
    await using subject = await GuestOfFiles.start();
    const controller = new AbortController();
    const begin = async (): Promise<{ id: number; next: Promise<unknown>; close: () => Promise<void> }> => {
      const watching = subject.files.watch("/d", { signal: controller.signal });
      const { id } = await subject.request();
      subject.output(id, encodeRecord([]));
      const watcher = await watching;
      return { id, next: watcher[Symbol.asyncIterator]().next(), close: () => watcher.close() };
    };
    const gone = await begin();
    subject.end(gone.id);
    subject.guest.result(gone.id, Status.OK);
    assert.deepEqual(await gone.next, { done: true, value: undefined });

    const closed = await begin();
    const closing = closed.close();
    subject.guest.result(closed.id, Status.CANCELLED);
    await closing;
    assert.deepEqual(await closed.next, { done: true, value: undefined });

    const aborted = await begin();
    controller.abort(new Error("enough"));
    subject.guest.result(aborted.id, Status.CANCELLED);
    await assert.rejects(aborted.next, /enough/);
  });

  test("of a guest that names what is outside, or an event that there is not, is a violation", async () => {
    for (const bad of [change(1, "../x"), change(9, "x"), change(1, "/x")]) {
      await using subject = await GuestOfFiles.start();
      const watching = subject.files.watch("/d");
      const { id } = await subject.request();
      subject.output(id, Buffer.concat([encodeRecord([]), bad]));
      const next = (await watching)[Symbol.asyncIterator]().next();
      await subject.guest.seen(FrameType.CANCEL);
      subject.guest.result(id, Status.CANCELLED);
      await assert.rejects(next, hasCode("PROTOCOL_ERROR"));
    }
  });
});

describe("a download", () => {
  test("that breaks off anywhere is an error and leaves nothing at its final name", async (t) => {
    const target = join(temporaryDir(t), "file");
    const stream = Buffer.concat([rawFile(undefined, "x".repeat(200_000)), rawEnd()]);
    for (const length of [0, 1, 50, 100, 70_000, 150_000, 200_000]) {
      await using subject = await GuestOfFiles.start();
      const call = subject.files.download("/a", target);
      const { id } = await subject.request();
      subject.started(id);
      subject.output(id, stream.subarray(0, length));
      subject.guest.hangUp();
      await assert.rejects(call, hasCode("CHANNEL_BROKEN"));
      assert.deepEqual(readdirSync(join(target, "..")), [], `${length} bytes`);
    }
  });

  test("that the guest calls complete and is not, is a violation", async (t) => {
    const directory = temporaryDir(t);
    await using subject = await GuestOfFiles.start();
    const call = subject.files.download("/a", join(directory, "a"));
    const { id } = await subject.request();
    subject.output(id, rawDirectory());
    subject.end(id);
    subject.guest.result(id, Status.OK);
    await assert.rejects(call, hasCode("PROTOCOL_ERROR"));
  });

  test("that fails in the guest tells the guest's error, though the stream was complete", async (t) => {
    const target = join(temporaryDir(t), "a");
    await using subject = await GuestOfFiles.start();
    const call = subject.files.download("/a", target);
    const { id } = await subject.request();
    subject.guest.result(id, Status.SYSTEM, system(2, "/a: No such file or directory"));
    await assert.rejects(call, hasCode("FILE_NOT_FOUND"));
    assert.equal(existsSync(target), false);
  });

  test("stops at maxBytes and maxEntries, and says what came", async (t) => {
    const directory = temporaryDir(t);
    for (const [options, parts] of [
      [{ maxBytes: 1_000 }, [rawEntry(undefined, FILE), rawExtent(0n, 1_001n), Buffer.alloc(1_001)]],
      [{ maxEntries: 3 }, [rawEntry(undefined, DIRECTORY), ...Array.from({ length: 3 }, () => rawDirectory("d"))]],
    ] as const) {
      await using subject = await GuestOfFiles.start();
      const call = subject.files.download("/a", join(directory, String(parts.length)), options);
      const { id } = await subject.request();
      subject.output(id, Buffer.concat(parts));
      await assert.rejects(call, (error: unknown) => {
        assert.ok(hasCode("TRANSFER_LIMIT")(error));
        assert.equal(typeof (error as SmolVMError).details["directories"], "number");
        return true;
      });
      await subject.guest.seen(FrameType.CANCEL);
    }
  });

  test("tells its progress, and its result", async (t) => {
    const target = join(temporaryDir(t), "a");
    await using subject = await GuestOfFiles.start();
    const seen: number[] = [];
    const call = subject.files.download("/a", target, { onProgress: ({ bytes }) => seen.push(bytes) });
    const { id, fields } = await subject.request();
    assert.equal(fields.u32(Tag.METHOD), Method.TREE_READ);
    subject.output(id, Buffer.concat([rawFile(undefined, "x".repeat(100_000)), rawEnd()]));
    subject.end(id);
    subject.guest.result(id, Status.OK);
    assert.deepEqual(await call, { files: 1, directories: 0, symlinks: 0, bytes: 100_000, skipped: [] });
    assert.equal(seen.at(-1), 100_000);
    assert.equal(readFileSync(target, "utf8").length, 100_000);
  });
});

describe("an upload", () => {
  test("that the guest ends early tells the guest's error", async (t) => {
    const directory = temporaryDir(t);
    writeFileSync(join(directory, "large"), Buffer.alloc(2_000_000));
    await using subject = await GuestOfFiles.start();
    const call = subject.files.upload(directory, "/a", { owner: "nobody" });
    const { id, fields } = await subject.request();
    assert.deepEqual([fields.u32(Tag.METHOD), fields.text(Tag.USER)], [Method.TREE_WRITE, "nobody"]);
    await subject.guest.seen(FrameType.DATA);
    subject.guest.result(id, Status.SYSTEM, system(28, "/a/large: No space left on device"));
    await assert.rejects(call, (error: unknown) => {
      assert.ok(error instanceof GuestFileError && error.code === "NO_SPACE");
      assert.match(error.message, /uploading to "\/a" failed in the guest: \/a\/large: No space left/);
      return true;
    });
  });

  test("that the guest calls done before it has everything is a violation", async (t) => {
    const directory = temporaryDir(t);
    writeFileSync(join(directory, "large"), Buffer.alloc(2_000_000));
    await using subject = await GuestOfFiles.start();
    const call = subject.files.upload(directory, "/a");
    subject.guest.result((await subject.request()).id, Status.OK);
    await assert.rejects(call, hasCode("PROTOCOL_ERROR"));
  });

  test("whose source is slow tells the guest's error at once", async () => {
    await using subject = await GuestOfFiles.start();
    const call = sendTree(
      async () => subject.channel,
      "/a",
      {},
      () => new Promise(() => {}),
    );
    subject.guest.result((await subject.request()).id, Status.SYSTEM, system(20, "/a: Not a directory"));
    await assert.rejects(call, hasCode("NOT_A_DIRECTORY"));
  });

  test("that is aborted is cancelled in the guest, and one whose channel breaks is CHANNEL_BROKEN", async (t) => {
    const directory = temporaryDir(t);
    writeFileSync(join(directory, "large"), Buffer.alloc(2_000_000));
    await using subject = await GuestOfFiles.start();
    const controller = new AbortController();
    const aborted = subject.files.upload(directory, "/a", { signal: controller.signal });
    const { id } = await subject.request();
    await subject.guest.seen(FrameType.DATA);
    controller.abort(new Error("enough"));
    await subject.guest.seen(FrameType.CANCEL);
    subject.guest.result(id, Status.CANCELLED);
    await assert.rejects(aborted, /enough/);
    const broken = subject.files.upload(directory, "/a");
    await subject.request();
    subject.guest.hangUp();
    await assert.rejects(broken, hasCode("CHANNEL_BROKEN"));
  });
});
