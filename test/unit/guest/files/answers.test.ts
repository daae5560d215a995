import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GuestFileError } from "../../../../src/guest/files/file-error.ts";
import { FileFlag, Method, Status, Tag } from "../../../../src/guest/protocol/frame-types.ts";
import { GuestOfFiles, hasCode, stat, system } from "./guest-of-files.ts";

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
