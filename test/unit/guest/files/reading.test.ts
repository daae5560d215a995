import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FrameType, Status } from "../../../../src/guest/protocol/frame-types.ts";
import { GuestOfFiles, hasCode, stat } from "./guest-of-files.ts";

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
