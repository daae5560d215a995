import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { SmolVMError, ValidationError } from "../../../src/errors/smolvm-error.ts";
import { GuestChannel, runCommand } from "../../../src/guest/index.ts";
import { FieldReader } from "../../../src/guest/protocol/fields.ts";
import { encodeCreditFrame, encodeDataFrame } from "../../../src/guest/protocol/frame-encoder.ts";
import {
  DEFAULT_WINDOW_BYTES,
  FrameType,
  Method,
  Status,
  Stream,
  Tag,
} from "../../../src/guest/protocol/frame-types.ts";
import { exitFrame, ScriptedGuest } from "./scripted-guest.ts";

const hasCode = (code: string) => (error: unknown) => error instanceof SmolVMError && error.code === code;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("requests", () => {
  test("beyond what the guest takes wait in order, and one place is kept for control requests", async () => {
    await using guest = await ScriptedGuest.start((it) => it.send(it.welcome({ maxRequests: 3 })));
    await using channel = await GuestChannel.connect(guest.socketPath);
    const runs = ["a", "b", "c", "d"].map((name) => runCommand(channel, [name]));
    const ping = channel.ping();
    const sent = await guest.seen(FrameType.REQUEST, 3);
    await pause(10);
    assert.equal(guest.frames.filter((frame) => frame.type === FrameType.REQUEST).length, 3);
    const last = new FieldReader(sent[2]!.payload);
    assert.equal(last.u32(Tag.METHOD), Method.PING);
    guest.result(sent[2]!.id, Status.OK);
    await ping;
    for (let count = 0; count < 4; count += 1) {
      const commands = (await guest.seen(FrameType.REQUEST, count + 2)).filter((frame) => frame.id !== sent[2]!.id);
      guest.send(exitFrame(commands[count]!.id, count));
      assert.equal(new FieldReader(commands[count]!.payload).text(Tag.ARG), "abcd"[count]);
    }
    assert.deepEqual(
      (await Promise.all(runs)).map((result) => result.exitCode),
      [0, 1, 2, 3],
    );
  });

  test("that are aborted while they wait are removed at once and never sent", async () => {
    await using guest = await ScriptedGuest.start((it) => it.send(it.welcome({ maxRequests: 1 })));
    await using channel = await GuestChannel.connect(guest.socketPath);
    const first = runCommand(channel, ["first"]);
    const controller = new AbortController();
    const second = runCommand(channel, ["second"], { signal: controller.signal });
    const third = runCommand(channel, ["third"], { timeoutMs: 10 });
    controller.abort(new Error("changed my mind"));
    await assert.rejects(second, /changed my mind/);
    await assert.rejects(third, hasCode("TIMEOUT"));
    const [request] = await guest.seen(FrameType.REQUEST);
    guest.send(exitFrame(request!.id));
    await first;
    await pause(10);
    assert.equal(guest.frames.filter((frame) => frame.type === FrameType.REQUEST).length, 1);
    await assert.rejects(runCommand(channel, ["x"], { signal: controller.signal }), /changed my mind/);
  });

  test("that are aborted wait for the guest's confirmation, and for two seconds at most", async () => {
    await using guest = await ScriptedGuest.start();
    await using channel = await GuestChannel.connect(guest.socketPath);
    const controller = new AbortController();
    let isOver = false;
    const confirmed = runCommand(channel, ["a"], { signal: controller.signal }).finally(() => (isOver = true));
    const unconfirmed = runCommand(channel, ["b"], { signal: controller.signal });
    const requests = await guest.seen(FrameType.REQUEST, 2);
    controller.abort();
    const cancels = await guest.seen(FrameType.CANCEL, 2);
    assert.deepEqual(
      cancels.map((frame) => frame.id),
      requests.map((frame) => frame.id),
    );
    assert.equal(isOver, false);
    guest.result(requests[0]!.id, Status.CANCELLED);
    await assert.rejects(confirmed, { name: "AbortError" });
    const start = performance.now();
    await assert.rejects(unconfirmed, { name: "AbortError" });
    assert.ok(performance.now() - start > 1_500);
    assert.equal(channel.isOpen, true);
  });

  test("all end with CHANNEL_BROKEN when the guest hangs up or the channel is closed", async () => {
    for (const end of ["hang-up", "close"]) {
      await using guest = await ScriptedGuest.start((it) => it.send(it.welcome({ maxRequests: 1 })));
      await using channel = await GuestChannel.connect(guest.socketPath);
      const exec = channel.exec(["cat"], { stdin: true });
      const write = exec.stdin.write(new Uint8Array(1_000_000));
      const reading = exec.stdout[Symbol.asyncIterator]().next();
      const waiting = runCommand(channel, ["waits"]);
      const settled = Promise.allSettled([exec.started, exec.result, exec.wait(), reading, waiting]);
      await guest.seen(FrameType.REQUEST);
      if (end === "close") await channel.close();
      else guest.hangUp();
      for (const outcome of await settled)
        assert.ok(outcome.status === "rejected" && hasCode("CHANNEL_BROKEN")(outcome.reason));
      await assert.rejects(write, hasCode("INVALID_STATE"));
      await exec.stdin.end();
      await channel.closed;
      await channel.close();
    }
  });

  test("that time out are cancelled", async () => {
    await using guest = await ScriptedGuest.start();
    await using channel = await GuestChannel.connect(guest.socketPath);
    await assert.rejects(channel.ping({ timeoutMs: 10 }), hasCode("TIMEOUT"));
    await guest.seen(FrameType.CANCEL);
    await assert.rejects(channel.ping({ signal: AbortSignal.abort(new Error("no")) }), /no/);
  });

  test("are refused before anything is sent where the guest could not execute them", async () => {
    await using guest = await ScriptedGuest.start();
    await using channel = await GuestChannel.connect(guest.socketPath);
    const wrong: readonly (() => unknown)[] = [
      () => channel.exec([]),
      () => channel.exec([""]),
      () => channel.exec(["a\0b"]),
      () => channel.exec(["a"], { env: { "": "x" } }),
      () => channel.exec(["a"], { env: { "A=B": "x" } }),
      () => channel.exec(["a"], { env: { A: "x\0" } }),
      () => channel.exec(["a"], { cwd: "relative" }),
      () => channel.exec(["a"], { windowBytes: 0 }),
    ];
    for (const make of wrong) assert.throws(make, ValidationError);
    await assert.rejects(channel.configure({ hostname: "a\0" }), ValidationError);
    await assert.rejects(channel.configure({ entropy: new Uint8Array(513) }), ValidationError);
    await assert.rejects(channel.powerOff({ graceMs: -1 }), ValidationError);
    await assert.rejects(channel.ping({ timeoutMs: Infinity }), ValidationError);
    await assert.rejects(runCommand(channel, "true", { timeoutMs: 2 ** 31 }), ValidationError);
    await assert.rejects(GuestChannel.connect(guest.socketPath, { timeoutMs: Number.NaN }), ValidationError);
    await assert.rejects(runCommand(channel, "x".repeat(70_000)), (error: SmolVMError) => {
      assert.match(error.message, /70\d{3} bytes/);
      assert.match(error.hint, /file/);
      return error instanceof ValidationError;
    });
    await pause(10);
    assert.deepEqual(
      guest.frames.map((frame) => frame.type),
      [FrameType.HELLO],
    );
  });
});

describe("flow control", () => {
  test("asks for no credit for little output, and for half a window at a time for much", async () => {
    await using guest = await ScriptedGuest.start();
    await using channel = await GuestChannel.connect(guest.socketPath);
    const run = runCommand(channel, ["yes"]);
    const [request] = await guest.seen(FrameType.REQUEST);
    const half = DEFAULT_WINDOW_BYTES / 2;
    for (let at = 0; at < half; at += 32_768) guest.send(encodeDataFrame(request!.id, 1, Buffer.alloc(32_768, "y")));
    const [credit] = await guest.seen(FrameType.CREDIT);
    assert.equal(credit!.payload.readUInt32BE(), half);
    assert.equal(credit!.stream, Stream.OUTPUT);
    guest.send(exitFrame(request!.id));
    assert.equal((await run).stdout.length, half);
    assert.equal(guest.frames.filter((frame) => frame.type === FrameType.CREDIT).length, 1);
  });

  test("gives credit for a stream when its reader takes, and to the end once the reader has left", async () => {
    await using guest = await ScriptedGuest.start();
    await using channel = await GuestChannel.connect(guest.socketPath);
    const exec = channel.exec(["yes"], { windowBytes: 1_000 });
    const [request] = await guest.seen(FrameType.REQUEST);
    guest.send(encodeDataFrame(request!.id, 1, Buffer.alloc(1_000, "y")));
    await pause(20);
    assert.equal(guest.frames.filter((frame) => frame.type === FrameType.CREDIT).length, 0);
    for await (const bytes of exec.stdout) {
      assert.equal(bytes.length, 1_000);
      break;
    }
    await guest.seen(FrameType.CREDIT, 1);
    guest.send(encodeDataFrame(request!.id, 1, Buffer.alloc(1_000, "y")));
    await guest.seen(FrameType.CREDIT, 2);
    guest.send(exitFrame(request!.id));
    assert.equal((await exec.result).exitCode, 0);
  });

  test("sends the request and its first input in one write, and input as far as the credit goes", async () => {
    await using guest = await ScriptedGuest.start((it) => it.send(it.welcome({ window: 100 })));
    await using channel = await GuestChannel.connect(guest.socketPath);
    const exec = channel.exec(["cat"], { stdin: true });
    const write = exec.stdin.write("x".repeat(150));
    const end = exec.stdin.end();
    const [first] = await guest.seen(FrameType.DATA);
    assert.equal(first!.payload.length, 100);
    guest.send(encodeCreditFrame(first!.id, Stream.INPUT, 100));
    await write;
    await end;
    await guest.seen(FrameType.END);
    assert.equal(Buffer.concat((await guest.seen(FrameType.DATA)).map((frame) => frame.payload)).length, 150);
    await assert.rejects(exec.stdin.write("more"), hasCode("INVALID_STATE"));
    guest.send(exitFrame(first!.id));
    await exec.result;
  });
});

describe("an error", () => {
  test("has the caller on its stack, and a command of the guest's own failure has its status", async () => {
    await using guest = await ScriptedGuest.start();
    await using channel = await GuestChannel.connect(guest.socketPath);
    async function callOfTheUser(): Promise<void> {
      await runCommand(channel, ["x"]);
    }
    const call = callOfTheUser();
    const [request] = await guest.seen(FrameType.REQUEST);
    guest.result(request!.id, Status.SYSTEM, [{ tag: Tag.ERRNO, value: 12 }]);
    await assert.rejects(call, (error: SmolVMError) => {
      assert.match(error.stack ?? "", /callOfTheUser/);
      assert.deepEqual(error.details, { status: "SYSTEM", errno: 12, command: "x" });
      return true;
    });
  });

  test("thrown by a callback ends its command and not the channel", async () => {
    await using guest = await ScriptedGuest.start();
    await using channel = await GuestChannel.connect(guest.socketPath);
    const run = runCommand(channel, ["x"], {
      onStdout: () => {
        throw new Error("mistake");
      },
    });
    const [request] = await guest.seen(FrameType.REQUEST);
    guest.send(encodeDataFrame(request!.id, 1, Buffer.from("x")));
    await guest.seen(FrameType.CANCEL);
    guest.result(request!.id, Status.CANCELLED);
    await assert.rejects(run, /mistake/);
    assert.equal(channel.isOpen, true);
  });
});
