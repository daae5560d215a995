import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { SmolVMError } from "../../../../src/errors/smolvm-error.ts";
import { GuestFileError } from "../../../../src/guest/files/file-error.ts";
import { sendTree } from "../../../../src/guest/files/tree-calls.ts";
import { FrameType, Method, Status, Tag } from "../../../../src/guest/protocol/frame-types.ts";
import { temporaryDir } from "../../../support/temporary-dir.ts";
import { GuestOfFiles, hasCode, system } from "./guest-of-files.ts";
import { DIRECTORY, FILE, rawDirectory, rawEnd, rawEntry, rawExtent, rawFile } from "./tree-stream.ts";

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
