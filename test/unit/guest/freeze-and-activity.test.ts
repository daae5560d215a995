import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { SmolVMError, ValidationError } from "../../../src/errors/smolvm-error.ts";
import { GuestChannel } from "../../../src/guest/index.ts";
import { encodeConfigure } from "../../../src/guest/identity/configure-request.ts";
import { FieldReader } from "../../../src/guest/protocol/fields.ts";
import { FrameType, FreezeFlag, HEADER_BYTES, Method, Status, Tag } from "../../../src/guest/protocol/frame-types.ts";
import { ScriptedGuest } from "./scripted-guest.ts";

const isRequest = ({ type }: { readonly type: number }): boolean => type === FrameType.REQUEST;
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

  test("is told the time again until it comes in time, four times at most", async () => {
    await using guest = await ScriptedGuest.start();
    await using channel = await GuestChannel.connect(guest.socketPath);
    const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;
    const told = channel.configure({ clockNs: "now", hostname: "a" });
    for (const lateMs of [1_000n, 100n, 0n]) {
      const requests = await guest.seen(FrameType.REQUEST, guest.frames.filter(isRequest).length || 1);
      const last = requests.at(-1)!;
      assert.ok(new FieldReader(last.payload).u64(Tag.CLOCK_NS) !== undefined);
      guest.result(last.id, Status.OK, [{ tag: Tag.CLOCK_NS, value: nowNs() - lateMs * 1_000_000n }]);
      if (lateMs !== 0n) await guest.seen(FrameType.REQUEST, requests.length + 1);
    }
    await told;
    const requests = guest.frames.filter(isRequest);
    assert.equal(requests.length, 3);
    assert.deepEqual(
      requests.map(({ payload }) => new FieldReader(payload).text(Tag.HOSTNAME)),
      ["a", undefined, undefined],
    );
    const never = channel.configure({ clockNs: "now" });
    for (let count = 4; count < 8; count++) {
      const last = (await guest.seen(FrameType.REQUEST, count)).at(-1)!;
      guest.result(last.id, Status.OK, [{ tag: Tag.CLOCK_NS, value: 0n }]);
    }
    await never;
    const fixed = channel.configure({ clockNs: 1n });
    guest.result((await guest.seen(FrameType.REQUEST, 8)).at(-1)!.id, Status.OK, [{ tag: Tag.CLOCK_NS, value: 1n }]);
    await fixed;
    assert.equal(guest.frames.filter(isRequest).length, 8);
  });

  test("with a lifetime that is no whole number is refused", () => {
    for (const lifetimeMs of [-1, 0.5, Number.NaN, Infinity]) {
      assert.throws(() => encodeConfigure({ lifetimeMs }), ValidationError);
    }
    assert.equal(payloadOf(encodeConfigure({ lifetimeMs: 0 })).u64(Tag.LIFETIME_MS), 0n);
  });
});
