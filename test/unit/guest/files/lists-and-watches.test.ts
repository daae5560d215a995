import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodeRecord } from "../../../../src/guest/files/tree-record.ts";
import { FrameType, Status, Tag } from "../../../../src/guest/protocol/frame-types.ts";
import { GuestOfFiles, hasCode, stat } from "./guest-of-files.ts";

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

  test("can be iterated without being awaited, and ends when the iteration is left", async () => {
    await using subject = await GuestOfFiles.start();
    const first = (async () => {
      for await (const change of subject.files.watch("/d")) return change;
      return undefined;
    })();
    const { id } = await subject.request();
    subject.output(id, Buffer.concat([encodeRecord([]), change(1, "a")]));
    await subject.guest.seen(FrameType.CANCEL);
    subject.guest.result(id, Status.CANCELLED);
    assert.deepEqual(await first, { type: "create", path: "/d/a" });
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
