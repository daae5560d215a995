import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { SmolVMError, ValidationError } from "../../../src/errors/smolvm-error.ts";
import { GuestChannel } from "../../../src/guest/index.ts";
import { encodeConfigure } from "../../../src/guest/identity/configure-request.ts";
import { FieldReader } from "../../../src/guest/protocol/fields.ts";
import { FrameType, FreezeFlag, HEADER_BYTES, Method, Status, Tag } from "../../../src/guest/protocol/frame-types.ts";
import { ScriptedGuest } from "./scripted-guest.ts";

const payloadOf = (frame: Buffer): FieldReader => new FieldReader(frame.subarray(HEADER_BYTES));

describe("a freeze", () => {
  test("asks for what it is told to, and a thaw for nothing else", async () => {
    await using guest = await ScriptedGuest.start();
    await using channel = await GuestChannel.connect(guest.socketPath);
    const { SYNC_DISKS, KEEP_PROCESSES, THAW } = FreezeFlag;
    const requests = [
      { make: () => channel.prepareFreeze(), flags: 0 },
      { make: () => channel.prepareFreeze({ syncDisks: true }), flags: SYNC_DISKS },
      {
        make: () => channel.prepareFreeze({ keepProcesses: true, syncDisks: true }),
        flags: SYNC_DISKS | KEEP_PROCESSES,
      },
      { make: () => channel.thaw(), flags: THAW },
    ];
    for (const [index, { make, flags }] of requests.entries()) {
      const made = make();
      const frame = (await guest.seen(FrameType.REQUEST, index + 1))[index]!;
      const fields = new FieldReader(frame.payload);
      assert.equal(fields.u32(Tag.METHOD), Method.PREPARE_FREEZE);
      assert.equal(fields.u32(Tag.FLAGS), flags);
      guest.result(frame.id, Status.OK);
      await made;
    }
  });
});

describe("the activity of a guest", () => {
  test("is told as numbers, and one that cannot tell how busy it is leaves that out", async () => {
    await using guest = await ScriptedGuest.start();
    await using channel = await GuestChannel.connect(guest.socketPath);
    for (const [index, busyUs] of [undefined, 3_000_000_000_000n].entries()) {
      const asked = channel.activity();
      const frame = (await guest.seen(FrameType.REQUEST, index + 1))[index]!;
      assert.equal(new FieldReader(frame.payload).u32(Tag.METHOD), Method.ACTIVITY);
      const busy = busyUs === undefined ? [] : [{ tag: Tag.BUSY_US, value: busyUs }];
      guest.result(frame.id, Status.OK, [{ tag: Tag.IDLE_MS, value: 5_000_000_000n }, ...busy]);
      assert.deepEqual(await asked, {
        idleMs: 5_000_000_000,
        busyUs: busyUs === undefined ? undefined : Number(busyUs),
      });
    }
    const asked = channel.activity();
    guest.result((await guest.seen(FrameType.REQUEST, 3))[2]!.id, Status.OK);
    await assert.rejects(asked, (error) => error instanceof SmolVMError && error.code === "PROTOCOL_ERROR");
  });
});

describe("an identity", () => {
  test("may hold a host key, a lifetime, and that the guest is a copy", () => {
    const sshHostKey = { privateKey: "private\n", publicKey: "public\n" };
    const fields = payloadOf(encodeConfigure({ sshHostKey, newIdentity: true, lifetimeMs: 2 ** 40 }));
    assert.equal(fields.text(Tag.SSH_HOST_KEY), "private\n");
    assert.equal(fields.text(Tag.SSH_HOST_PUBLIC_KEY), "public\n");
    assert.equal(fields.u32(Tag.NEW_IDENTITY), 1);
    assert.equal(fields.u64(Tag.LIFETIME_MS), 2n ** 40n);
    const none = payloadOf(encodeConfigure({ newIdentity: false }));
    assert.deepEqual(
      [...none.entries()].map(({ tag }) => tag),
      [Tag.METHOD],
    );
  });

  test("with a lifetime that is no whole number is refused", () => {
    for (const lifetimeMs of [-1, 0.5, Number.NaN, Infinity]) {
      assert.throws(() => encodeConfigure({ lifetimeMs }), ValidationError);
    }
    assert.equal(payloadOf(encodeConfigure({ lifetimeMs: 0 })).u64(Tag.LIFETIME_MS), 0n);
  });
});
