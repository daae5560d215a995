import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FileFlag, FrameType, Status, Tag } from "../../../../src/guest/protocol/frame-types.ts";
import { GuestOfFiles, hasCode, system } from "./guest-of-files.ts";

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
