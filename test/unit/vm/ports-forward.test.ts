import assert from "node:assert/strict";
import { createServer } from "node:net";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { GuestChannel } from "../../../src/guest/index.ts";
import {
  encodeCreditFrame,
  encodeDataFrame,
  encodeEmptyFrame,
  encodeFieldsFrame,
} from "../../../src/guest/protocol/frame-encoder.ts";
import { FrameType, MAX_PAYLOAD_BYTES, Status, Stream, Tag } from "../../../src/guest/protocol/frame-types.ts";
import { listen } from "../../../src/vm/ports/listen.ts";
import { PortForward } from "../../../src/vm/ports/port-forward.ts";
import { resultFrame, ScriptedGuest } from "../guest/scripted-guest.ts";
import { ask, clientOf, readAll, wasReset } from "../../support/tcp-client.ts";
import { connectIds, forwardToScript, inputOf } from "./ports-fixture.ts";

const started = (id: number): Buffer => encodeFieldsFrame(FrameType.STARTED, id, []);
const output = (id: number, bytes: string | Buffer): Buffer => encodeDataFrame(id, Stream.OUTPUT, Buffer.from(bytes));
const endOfOutput = (id: number): Buffer => encodeEmptyFrame(FrameType.END, id, Stream.OUTPUT);
const broken = (id: number): Buffer => resultFrame(id, Status.SYSTEM, [{ tag: Tag.ERRNO, value: 104 }]);

describe("a forwarded connection", () => {
  test("carries bytes both ways, the client's first ones before the guest has connected, and ends with both", async (t) => {
    const { guest, forward } = await forwardToScript(t);
    const client = await clientOf(forward);
    client.end("question");
    const [id = 0] = await connectIds(guest, 1);
    await guest.seen(FrameType.END);
    assert.equal(inputOf(guest, id).toString(), "question");
    guest.send(started(id), output(id, "answer"), endOfOutput(id), resultFrame(id, Status.OK));
    assert.equal((await readAll(client)).toString(), "answer");
    assert.deepEqual(
      guest.frames.filter(({ type }) => type === FrameType.CANCEL),
      [],
    );
  });

  test("goes on in one direction after the other has ended, whichever ends first", async (t) => {
    const { guest, forward } = await forwardToScript(t);
    const [early, late] = [await clientOf(forward), await clientOf(forward)];
    const [first = 0, second = 0] = await connectIds(guest, 2);
    early.end();
    await guest.seen(FrameType.END);
    guest.send(started(first), output(first, "still here"), endOfOutput(first), resultFrame(first, Status.OK));
    assert.equal((await readAll(early)).toString(), "still here");

    guest.send(started(second), endOfOutput(second));
    assert.equal((await readAll(late)).length, 0);
    late.end("and so am I");
    await guest.seen(FrameType.END, 2);
    assert.equal(inputOf(guest, second).toString(), "and so am I");
    guest.send(resultFrame(second, Status.OK));
    await forward.close(); // has nothing left to reset
    assert.deepEqual(
      guest.frames.filter(({ type }) => type === FrameType.CANCEL),
      [],
    );
  });

  test("that the guest refuses is reset, and the forward goes on", async (t) => {
    const { guest, forward } = await forwardToScript(t);
    const refused = await clientOf(forward);
    const [id = 0] = await connectIds(guest, 1);
    guest.send(resultFrame(id, Status.SYSTEM, [{ tag: Tag.ERRNO, value: 111 }]));
    await assert.rejects(readAll(refused), wasReset);
    const next = await clientOf(forward);
    const [, nextId = 0] = await connectIds(guest, 2);
    next.end();
    guest.send(started(nextId), output(nextId, "up now"), endOfOutput(nextId));
    assert.equal((await readAll(next)).toString(), "up now");
  });

  test("that the guest breaks is reset, but not before what the guest has said to its end is delivered", async (t) => {
    const { guest, forward } = await forwardToScript(t);
    const [cut, complete] = [await clientOf(forward), await clientOf(forward)];
    const [first = 0, second = 0] = await connectIds(guest, 2);
    guest.send(started(first), output(first, "half an ans"), broken(first));
    await assert.rejects(readAll(cut), wasReset);
    guest.send(started(second), output(second, "an answer"), endOfOutput(second), broken(second));
    assert.equal((await readAll(complete)).toString(), "an answer");
  });

  test("that the guest calls done while a side is open is reset", async (t) => {
    const { guest, forward } = await forwardToScript(t);
    const client = await clientOf(forward);
    const [id = 0] = await connectIds(guest, 1);
    guest.send(started(id), output(id, "x"), resultFrame(id, Status.OK));
    await assert.rejects(readAll(client), wasReset);
  });

  test("that the client resets is cancelled in the guest, also while it waits for its turn", async (t) => {
    const { guest, forward } = await forwardToScript(t, (it) => it.send(it.welcome({ maxRequests: 1 })));
    const client = await clientOf(forward);
    const [id = 0] = await connectIds(guest, 1);
    const waiting = await clientOf(forward);
    waiting.resetAndDestroy();
    await sleep(20);
    client.resetAndDestroy();
    assert.equal((await guest.seen(FrameType.CANCEL))[0]?.id, id);
    const next = await clientOf(forward);
    guest.send(resultFrame(id, Status.CANCELLED));
    assert.equal((await connectIds(guest, 2)).length, 2);
    next.resetAndDestroy();
    await guest.seen(FrameType.CANCEL, 2);
    assert.equal(guest.frames.filter(({ type }) => type === FrameType.REQUEST).length, 2);
  });

  test("is not read while the guest takes no more, and loses nothing by that", async (t) => {
    const { guest, forward } = await forwardToScript(t, (it) => it.send(it.welcome({ window: 65_536 })));
    const client = await clientOf(forward);
    const sent = Buffer.alloc(8_000_000, "0123456789abcdef-");
    client.end(sent);
    const [id = 0] = await connectIds(guest, 1);
    await sleep(100);
    assert.equal(inputOf(guest, id).length, 65_536);
    assert.ok(client.writableLength > 0, "the client is held back");
    guest.send(started(id), encodeCreditFrame(id, Stream.INPUT, 10_000_000));
    await guest.seen(FrameType.END);
    assert.ok(sent.equals(inputOf(guest, id)));
  });

  test("whose client does not read holds the guest back, and loses nothing by that", async (t) => {
    const { guest, forward } = await forwardToScript(t);
    const client = await clientOf(forward);
    const [id = 0] = await connectIds(guest, 1);
    guest.send(started(id));
    let creditBytes = 262_144;
    let sentBytes = 0;
    let seenCredits = 0;
    // An honest guest with endless output: sends what it may.
    const pump = (): void => {
      for (; seenCredits < guest.frames.length; seenCredits++) {
        const frame = guest.frames[seenCredits];
        if (frame?.type === FrameType.CREDIT) creditBytes += frame.payload.readUInt32BE(0);
      }
      for (; creditBytes >= MAX_PAYLOAD_BYTES; creditBytes -= MAX_PAYLOAD_BYTES) {
        guest.send(output(id, Buffer.alloc(MAX_PAYLOAD_BYTES, sentBytes / MAX_PAYLOAD_BYTES)));
        sentBytes += MAX_PAYLOAD_BYTES;
      }
    };
    let before = -1;
    while (before !== sentBytes) {
      before = sentBytes;
      pump();
      await sleep(50);
    }
    assert.ok(sentBytes < 32_000_000, `${sentBytes} bytes went into the kernel's buffers`);
    guest.send(endOfOutput(id));
    const received = await readAll(client);
    assert.equal(received.length, sentBytes);
    for (let at = 0; at < sentBytes; at += MAX_PAYLOAD_BYTES)
      assert.equal(received[at], (at / MAX_PAYLOAD_BYTES) % 256);
    client.end();
  });
});

describe("a forward", () => {
  test("takes more connections than the guest does, and the rest waits", async (t) => {
    const { guest, forward } = await forwardToScript(t, (it) => it.send(it.welcome({ maxRequests: 4 })));
    const clients = await Promise.all(Array.from({ length: 10 }, () => clientOf(forward)));
    for (const client of clients) client.end();
    const places = 2; // connections get half of them
    await connectIds(guest, places);
    await sleep(20);
    assert.equal((await connectIds(guest, places)).length, places);
    for (let index = 0; index < clients.length; index++) {
      const id = (await connectIds(guest, index + 1))[index] ?? 0;
      guest.send(started(id), output(id, "done"), endOfOutput(id), resultFrame(id, Status.OK));
    }
    for (const client of clients) assert.equal((await readAll(client)).toString(), "done");
  });

  test("resets its connections when it is closed, and gives its port back", async (t) => {
    const { guest, forward } = await forwardToScript(t);
    const client = await clientOf(forward);
    await connectIds(guest, 1);
    await Promise.all([forward.close(), forward.close()]);
    await assert.rejects(readAll(client), wasReset);
    await guest.seen(FrameType.CANCEL);
    const server = createServer();
    assert.equal(await listen(server, forward), forward.hostPort);
    server.close();
  });

  test("resets its connections when the channel breaks, and takes another channel for the next", async (t) => {
    const guests = [await ScriptedGuest.start(), await ScriptedGuest.start()];
    let channel = await GuestChannel.connect(guests[0]!.socketPath);
    const forward = await PortForward.open(80, { hostAddress: "127.0.0.1", hostPort: 0 }, async () => channel);
    t.after(async () => {
      await forward.close();
      await channel.close();
      for (const guest of guests) await guest[Symbol.asyncDispose]();
    });
    const cut = await clientOf(forward);
    await connectIds(guests[0]!, 1);
    guests[0]!.hangUp();
    await assert.rejects(readAll(cut), wasReset);
    await assert.rejects(ask(forward), wasReset, "a channel that is gone");
    channel = await GuestChannel.connect(guests[1]!.socketPath);
    const next = await clientOf(forward);
    const [id = 0] = await connectIds(guests[1]!, 1);
    next.end();
    guests[1]!.send(started(id), output(id, "again"), endOfOutput(id));
    assert.equal((await readAll(next)).toString(), "again");
  });

  test("says where it is, also by IPv6 and where it listens on every address", async (t) => {
    for (const [hostAddress, host] of [
      ["127.0.0.1", "127.0.0.1"],
      ["0.0.0.0", "127.0.0.1"],
      ["::1", "[::1]"],
      ["::", "[::1]"],
    ] as const) {
      const noGuest = (): never => {
        throw new Error("not asked for");
      };
      const forward = await PortForward.open(80, { hostAddress, hostPort: 0 }, noGuest).catch((error: Error) => error);
      if (forward instanceof Error) {
        t.diagnostic(`${hostAddress}: ${forward.message}`);
        continue;
      }
      assert.equal(forward.url, `http://${host}:${forward.hostPort}`);
      await forward.close();
    }
  });
});
