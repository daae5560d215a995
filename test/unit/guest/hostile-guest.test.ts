import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { SmolVMError } from "../../../src/errors/smolvm-error.ts";
import { GuestChannel, runCommand } from "../../../src/guest/index.ts";
import {
  encodeCreditFrame,
  encodeDataFrame,
  encodeEmptyFrame,
  encodeFieldsFrame,
} from "../../../src/guest/protocol/frame-encoder.ts";
import {
  DEFAULT_WINDOW_BYTES,
  FrameType,
  MAX_PAYLOAD_BYTES,
  Status,
  Stream,
  Tag,
} from "../../../src/guest/protocol/frame-types.ts";
import { SYNC_WORD } from "../../../src/guest/protocol/sync.ts";
import { exitFrame, resultFrame, ScriptedGuest } from "./scripted-guest.ts";
import { randomBuffer, seededRandom } from "./seeded-random.ts";

const hasCode = (code: string) => (error: unknown) => error instanceof SmolVMError && error.code === code;
const started = (id: number): Buffer => encodeFieldsFrame(FrameType.STARTED, id, [{ tag: Tag.PID, value: 42 }]);

/** What a guest may send for its one open command that ends the channel. */
const VIOLATIONS: Readonly<Record<string, (id: number) => Buffer>> = {
  "more output than its credit": (id) =>
    Buffer.concat(
      Array.from({ length: DEFAULT_WINDOW_BYTES / MAX_PAYLOAD_BYTES + 1 }, () =>
        encodeDataFrame(id, 1, Buffer.alloc(MAX_PAYLOAD_BYTES)),
      ),
    ),
  "output behind its end": (id) =>
    Buffer.concat([encodeEmptyFrame(FrameType.END, id, 1), encodeDataFrame(id, 1, Buffer.from("x"))]),
  "two ends of one stream": (id) =>
    Buffer.concat([encodeEmptyFrame(FrameType.END, id, 2), encodeEmptyFrame(FrameType.END, id, 2)]),
  "data on the input stream": (id) => encodeDataFrame(id, Stream.INPUT, Buffer.from("x")),
  "credit for an output": (id) => encodeCreditFrame(id, Stream.OUTPUT, 1),
  "two STARTED": (id) => Buffer.concat([started(id), started(id)]),
  "a STARTED without a pid": (id) => encodeFieldsFrame(FrameType.STARTED, id, []),
  "a RESULT without a status": (id) => encodeFieldsFrame(FrameType.RESULT, id, []),
  "a RESULT whose fields run past its end": (id) => {
    const frame = exitFrame(id);
    frame.writeUInt32BE(99, 14);
    return frame;
  },
  "a frame that only a host sends": () => encodeFieldsFrame(FrameType.REQUEST, 9, []),
  "a second WELCOME": () => encodeFieldsFrame(FrameType.WELCOME, 0, []),
  "an unknown frame type": () => Buffer.from("000000000000000177000000", "hex"),
  "a frame of 4 GiB": () => Buffer.from("ffffffff0000000140010000", "hex"),
  "a sync word": () => SYNC_WORD,
  GOAWAY: () => encodeFieldsFrame(FrameType.GOAWAY, 0, [{ tag: Tag.STATUS, value: Status.PROTOCOL }]),
};

describe("a guest that breaks the protocol", () => {
  for (const [name, make] of Object.entries(VIOLATIONS)) {
    test(`with ${name} loses its channel, and every request ends with PROTOCOL_ERROR`, async () => {
      await using guest = await ScriptedGuest.start();
      await using channel = await GuestChannel.connect(guest.socketPath);
      // Nobody reads its output, so it gets no more credit than the window.
      const command = channel.exec(["sleep"]).wait();
      const ping = channel.ping();
      const [request] = await guest.seen(FrameType.REQUEST, 2);
      guest.send(make(request!.id));
      await assert.rejects(command, hasCode("PROTOCOL_ERROR"));
      await assert.rejects(ping, hasCode("PROTOCOL_ERROR"));
      await channel.closed;
      assert.equal(channel.isOpen, false);
      await assert.rejects(channel.ping(), hasCode("PROTOCOL_ERROR"));
    });
  }

  test("gives credit for input beyond 2^31-1 and loses its channel", async () => {
    await using guest = await ScriptedGuest.start();
    await using channel = await GuestChannel.connect(guest.socketPath);
    const exec = channel.exec(["cat"], { stdin: true });
    const [request] = await guest.seen(FrameType.REQUEST);
    guest.send(encodeCreditFrame(request!.id, Stream.INPUT, 2 ** 31 - 1));
    await assert.rejects(exec.result, hasCode("PROTOCOL_ERROR"));
  });
});

describe("a guest that is only odd", () => {
  test("may send frames for ids that are not open, and a RESULT twice", async () => {
    await using guest = await ScriptedGuest.start();
    await using channel = await GuestChannel.connect(guest.socketPath);
    const run = runCommand(channel, ["true"]);
    const [request] = await guest.seen(FrameType.REQUEST);
    const { id } = request!;
    guest.send(
      encodeDataFrame(77, 1, Buffer.from("x")),
      started(78),
      encodeEmptyFrame(FrameType.END, 79, 1),
      resultFrame(80, Status.OK),
    );
    guest.send(
      encodeDataFrame(id, 1, Buffer.from("out")),
      exitFrame(id),
      exitFrame(id, 9),
      encodeDataFrame(id, 1, Buffer.from("late")),
    );
    const result = await run;
    assert.equal(result.stdout, "out");
    assert.equal(result.exitCode, 0);
    assert.equal(channel.isOpen, true);
  });

  test("gets its words into a message without control characters, and not many of them", async () => {
    await using guest = await ScriptedGuest.start();
    await using channel = await GuestChannel.connect(guest.socketPath);
    const ping = channel.ping();
    const [request] = await guest.seen(FrameType.REQUEST);
    guest.result(request!.id, Status.SYSTEM, [
      { tag: Tag.MESSAGE, value: `\x1b[2J\r\n\u202e${"long ".repeat(5_000)}` },
    ]);
    await assert.rejects(ping, (error: Error) => {
      assert.ok(!/[\p{Cc}\p{Cf}]/u.test(error.message));
      assert.ok(error.message.length < 600);
      return hasCode("GUEST_ERROR")(error);
    });
  });

  test("has its version shown clean and short", async () => {
    await using guest = await ScriptedGuest.start((it) =>
      it.send(it.welcome({ agent: `1.0\x07${"9".repeat(1_000)}` })),
    );
    await using channel = await GuestChannel.connect(guest.socketPath);
    assert.match(channel.agentVersion, /^1\.0 9{60}…$/);
  });

  test("that says nothing about how a command ended does not make it a success", async () => {
    await using guest = await ScriptedGuest.start();
    await using channel = await GuestChannel.connect(guest.socketPath);
    const run = runCommand(channel, ["true"]);
    const [request] = await guest.seen(FrameType.REQUEST);
    guest.result(request!.id, Status.OK);
    await assert.rejects(run, hasCode("PROTOCOL_ERROR"));
  });
});

describe("a guest that floods", () => {
  test("with random bytes reaches nothing but the channel's error", async () => {
    const deadline = performance.now() + 1_500;
    const random = seededRandom(23);
    for (let round = 0; round < 300 && performance.now() < deadline; round += 1) {
      await using guest = await ScriptedGuest.start();
      await using channel = await GuestChannel.connect(guest.socketPath);
      const run = runCommand(channel, ["cat"], { stdin: "x".repeat(100_000) });
      const [request] = await guest.seen(FrameType.REQUEST);
      const frames = [
        started(request!.id),
        encodeDataFrame(request!.id, 1, randomBuffer(random, 50)),
        exitFrame(request!.id),
      ];
      const bytes = Buffer.concat(frames);
      for (let flips = random(6); flips >= 0; flips -= 1) bytes[random(bytes.length)] = random(256);
      guest.send(bytes);
      setTimeout(() => guest.hangUp(), 2);
      await run.then(
        (result) => assert.equal(typeof result.exitCode, "number"),
        (error: unknown) => assert.ok(error instanceof SmolVMError, String(error)),
      );
    }
  });

  test("with garbage before its WELCOME fills no memory until the deadline", async () => {
    const random = seededRandom(5);
    const garbage = randomBuffer(random, 1_048_576);
    await using guest = await ScriptedGuest.start((it) => {
      const flood = setInterval(() => it.isHeldBack || it.send(garbage), 1);
      setTimeout(() => clearInterval(flood), 500);
    });
    const before = process.memoryUsage.rss();
    await assert.rejects(GuestChannel.connect(guest.socketPath, { timeoutMs: 400 }), hasCode("TIMEOUT"));
    assert.ok(process.memoryUsage.rss() - before < 200_000_000);
  });

  test("with one-byte frames that nobody reads fills no more than the window", async () => {
    await using guest = await ScriptedGuest.start();
    await using channel = await GuestChannel.connect(guest.socketPath);
    const exec = channel.exec(["yes"]);
    const [request] = await guest.seen(FrameType.REQUEST);
    const byte = encodeDataFrame(request!.id, 1, Buffer.from("y"));
    for (let sent = 0; sent < DEFAULT_WINDOW_BYTES; sent += 4_096)
      guest.send(Buffer.concat(Array.from({ length: 4_096 }, () => byte)));
    guest.send(exitFrame(request!.id));
    await exec.result;
    let sizeBytes = 0;
    let blocks = 0;
    for await (const block of exec.stdout) {
      sizeBytes += block.length;
      blocks += 1;
    }
    assert.equal(sizeBytes, DEFAULT_WINDOW_BYTES);
    assert.ok(blocks < 100, `${blocks} blocks`);
  });

  test("and does not read makes no queue of credit grow in the host", async () => {
    await using guest = await ScriptedGuest.start();
    await using channel = await GuestChannel.connect(guest.socketPath);
    const exec = channel.exec(["cat"], { stdin: true, onStdout: () => {} });
    await guest.seen(FrameType.REQUEST);
    guest.pause();
    guest.send(encodeCreditFrame(1, Stream.INPUT, 2 ** 30));
    const write = exec.stdin.write(new Uint8Array(8_000_000));
    const isStuck = await Promise.race([
      write.then(() => false),
      new Promise((resolve) => setTimeout(resolve, 100, true)),
    ]);
    assert.equal(isStuck, true);
    guest.resume();
    await write;
  });
});

describe("connecting", () => {
  test("to nobody is CHANNEL_BROKEN", async () => {
    await assert.rejects(GuestChannel.connect("/nonexistent/agent.sock"), hasCode("CHANNEL_BROKEN"));
  });

  test("to a guest that hangs up before its WELCOME is CHANNEL_BROKEN", async () => {
    await using guest = await ScriptedGuest.start((it) => it.hangUp());
    await assert.rejects(GuestChannel.connect(guest.socketPath), hasCode("CHANNEL_BROKEN"));
  });

  test("to a silent guest ends at the deadline or when the signal says so", async () => {
    await using guest = await ScriptedGuest.start(() => {});
    await assert.rejects(GuestChannel.connect(guest.socketPath, { timeoutMs: 20 }), hasCode("TIMEOUT"));
    const reason = new Error("enough");
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 20);
    await assert.rejects(GuestChannel.connect(guest.socketPath, { signal: controller.signal }), reason);
    await assert.rejects(GuestChannel.connect(guest.socketPath, { signal: controller.signal }), reason);
  });

  test("to a guest that refuses, or whose WELCOME makes no sense, is PROTOCOL_ERROR", async () => {
    const answers: readonly ((it: ScriptedGuest) => Buffer)[] = [
      () =>
        Buffer.concat([
          SYNC_WORD,
          encodeFieldsFrame(FrameType.GOAWAY, 0, [{ tag: Tag.STATUS, value: Status.UNSUPPORTED_VERSION }]),
        ]),
      (it) => it.welcome({ version: 2 }),
      (it) => it.welcome({ maxRequests: 0 }),
      (it) => it.welcome({ window: 2 ** 32 - 1 }),
      (it) =>
        Buffer.concat([SYNC_WORD, encodeFieldsFrame(FrameType.WELCOME, 0, [{ tag: Tag.NONCE, value: it.nonce }])]),
      (it) => Buffer.concat([it.welcome(), SYNC_WORD]),
    ];
    for (const answer of answers) {
      await using guest = await ScriptedGuest.start((it) => it.send(answer(it)));
      await assert.rejects(GuestChannel.connect(guest.socketPath), hasCode("PROTOCOL_ERROR"));
    }
  });
});
