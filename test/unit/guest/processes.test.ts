import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { SmolVMError, ValidationError } from "../../../src/errors/smolvm-error.ts";
import { GuestChannel, runCommand } from "../../../src/guest/index.ts";
import { attachProcess } from "../../../src/guest/processes/attach-process.ts";
import { findProcess, listProcesses, signalProcess } from "../../../src/guest/processes/detached-processes.ts";
import { spawnProcess, type SpawnOptions } from "../../../src/guest/processes/spawn-process.ts";
import type { GuestProcess } from "../../../src/guest/processes/guest-process.ts";
import { type Field, FieldReader, fieldsByteLength, writeFields } from "../../../src/guest/protocol/fields.ts";
import { encodeDataFrame, encodeFieldsFrame } from "../../../src/guest/protocol/frame-encoder.ts";
import { ExecFlag, FrameType, Method, Status, Tag } from "../../../src/guest/protocol/frame-types.ts";
import { exitFrame, resultFrame, ScriptedGuest } from "./scripted-guest.ts";

const hasCode = (code: string) => (error: unknown) => error instanceof SmolVMError && error.code === code;

/** A channel to a guest that answers what the test says. */
async function open(): Promise<{ guest: ScriptedGuest; channel: GuestChannel } & AsyncDisposable> {
  const guest = await ScriptedGuest.start();
  const channel = await GuestChannel.connect(guest.socketPath);
  return {
    guest,
    channel,
    [Symbol.asyncDispose]: async () => {
      await channel.close();
      await guest[Symbol.asyncDispose]();
    },
  };
}

const started = (id: number, fields: readonly Field[] = []): Buffer =>
  encodeFieldsFrame(FrameType.STARTED, id, [{ tag: Tag.PID, value: 42 }, ...fields]);

/** Starts a process that the guest says runs. */
async function startIn(
  { guest, channel }: { guest: ScriptedGuest; channel: GuestChannel },
  options: SpawnOptions = {},
  fields: readonly Field[] = [],
): Promise<{ process: GuestProcess; id: number; request: FieldReader }> {
  const before = guest.frames.filter(({ type }) => type === FrameType.REQUEST).length;
  const spawning = spawnProcess(channel, ["x"], options);
  const request = (await guest.seen(FrameType.REQUEST, before + 1)).at(-1)!;
  guest.send(started(request.id, fields));
  return { process: await spawning, id: request.id, request: new FieldReader(request.payload) };
}

function record(fields: readonly Field[]): Buffer {
  const length = fieldsByteLength(fields);
  const bytes = Buffer.alloc(4 + length);
  bytes.writeUInt32BE(length);
  writeFields(bytes, 4, fields);
  return bytes;
}

describe("a process that is started", () => {
  test("is asked for with what its options say", async () => {
    await using it = await open();
    const plain = await startIn(it);
    assert.equal(plain.request.u32(Tag.FLAGS), ExecFlag.INPUT);
    const deaf = await startIn(it, { stdin: "ignore", user: "web", cwd: "/srv" });
    assert.equal(deaf.request.u32(Tag.FLAGS), undefined);
    assert.deepEqual([deaf.request.text(Tag.USER), deaf.request.text(Tag.CWD)], ["web", "/srv"]);
    const terminal = await startIn(it, { tty: true, user: { uid: 7 } });
    assert.equal(terminal.request.u32(Tag.FLAGS), ExecFlag.INPUT | ExecFlag.TTY);
    assert.deepEqual([terminal.request.u32(Tag.COLUMNS), terminal.request.u32(Tag.ROWS)], [80, 24]);
    assert.deepEqual([terminal.request.u32(Tag.UID), terminal.request.u32(Tag.GID)], [7, undefined]);
    const numbers = await startIn(it, { user: "1000:100" });
    assert.deepEqual([numbers.request.u32(Tag.UID), numbers.request.u32(Tag.GID)], [1000, 100]);
    const detached = await startIn(it, { detached: true, name: "web" }, [{ tag: Tag.PROCESS, value: 3 }]);
    assert.equal(detached.request.u32(Tag.FLAGS), ExecFlag.DETACHED);
    assert.equal(detached.request.text(Tag.NAME), "web");
    assert.equal(detached.process.id, "3");
    assert.throws(() => detached.process.stdin, ValidationError);
  });

  test("is not taken for a detached one where the guest knows none", async () => {
    await using it = await open();
    await assert.rejects(startIn(it, { detached: true }), (error: SmolVMError) => {
      assert.match(error.hint, /build it again/);
      return error.code === "GUEST_ERROR";
    });
    await it.guest.seen(FrameType.CANCEL);
  });

  test("rejects with a code for each reason why it cannot be started", async () => {
    await using it = await open();
    let count = 0;
    for (const [status, code] of [
      [Status.NOT_FOUND, "COMMAND_NOT_FOUND"],
      [Status.NOT_EXECUTABLE, "COMMAND_NOT_EXECUTABLE"],
      [Status.BAD_CWD, "INVALID_PATH"],
      [Status.UNKNOWN_USER, "UNKNOWN_USER"],
      [Status.NAME_IN_USE, "PROCESS_NAME_IN_USE"],
      [Status.BUSY, "GUEST_ERROR"],
      [Status.SYSTEM, "GUEST_ERROR"],
    ] as const) {
      const spawning = spawnProcess(it.channel, ["x"], { detached: true, name: "n", env: { SECRET: "hush" } });
      count += 1;
      const request = (await it.guest.seen(FrameType.REQUEST, count)).at(-1)!;
      it.guest.result(request.id, status);
      await assert.rejects(spawning, (error: SmolVMError) => {
        assert.doesNotMatch(JSON.stringify([error.message, error.details]), /hush/);
        return error.code === code;
      });
    }
  });

  test("gives its signal, its size and the end of its input to the guest", async () => {
    await using it = await open();
    const { process, id } = await startIn(it, { tty: { columns: 10, rows: 5 } });
    process.kill("SIGINT");
    process.resize({ columns: 20, rows: 6 });
    assert.throws(() => process.resize({ columns: 0, rows: 6 }), ValidationError);
    assert.throws(() => process.kill("SIGNONE" as NodeJS.Signals), ValidationError);
    const [signal, size] = (await it.guest.seen(FrameType.CONTROL, 2)).map(({ payload }) => new FieldReader(payload));
    assert.equal(signal!.u32(Tag.SIGNAL), 2);
    assert.deepEqual([size!.u32(Tag.COLUMNS), size!.u32(Tag.ROWS)], [20, 6]);
    await process.stdin.close();
    await it.guest.seen(FrameType.END);
    it.guest.send(exitFrame(id, 3));
    assert.equal((await process.exited).exitCode, 3);
    process.kill();
  });

  test("refuses input once it is over, and tells it to who pipes", async () => {
    await using it = await open();
    const { process, id } = await startIn(it);
    const writer = process.stdin.getWriter();
    const closed = assert.rejects(writer.closed, hasCode("INVALID_STATE"));
    it.guest.send(exitFrame(id));
    await process.exited;
    await closed;
    await assert.rejects(writer.write("late"), hasCode("INVALID_STATE"));
  });

  test("is killed by an input that is aborted", async () => {
    await using it = await open();
    const { process, id } = await startIn(it);
    await process.stdin.abort(new Error("the upload broke"));
    await it.guest.seen(FrameType.CANCEL);
    it.guest.result(id, Status.CANCELLED);
    await assert.rejects(process.exited, /the upload broke/);
    await assert.rejects(process.stdout.text(), /the upload broke/);
  });

  test("bounds what text() and lines() hold", async () => {
    await using it = await open();
    const first = await startIn(it);
    it.guest.send(encodeDataFrame(first.id, 1, Buffer.alloc(300, "x")));
    await assert.rejects(first.process.stdout.text({ maxBytes: 299 }), hasCode("OUTPUT_LIMIT"));
    const second = await startIn(it);
    it.guest.send(encodeDataFrame(second.id, 1, Buffer.from(`short\n${"x".repeat(300)}`)));
    const lines = second.process.stdout.lines({ maxBytes: 299 });
    assert.equal((await lines.next()).value, "short");
    await assert.rejects(lines.next(), hasCode("OUTPUT_LIMIT"));
  });

  test("lets the rest of an output go that is cancelled", async () => {
    await using it = await open();
    const { process, id } = await startIn(it);
    await process.stdout.cancel();
    for (let at = 0; at < 8; at += 1) it.guest.send(encodeDataFrame(id, 1, Buffer.alloc(32_768)));
    await it.guest.seen(FrameType.CREDIT, 1);
    it.guest.send(exitFrame(id));
    assert.equal((await process.exited).exitCode, 0);
    assert.deepEqual(await Array.fromAsync(process.stderr), []);
  });
});

describe("input from a source", () => {
  test("that never yields holds nobody, and is stopped when the command ends", async () => {
    await using it = await open();
    let isStopped = false;
    const source = new ReadableStream<string>({ cancel: () => void (isStopped = true) });
    const run = runCommand(it.channel, ["x"], { stdin: source });
    const [request] = await it.guest.seen(FrameType.REQUEST);
    it.guest.send(exitFrame(request!.id, 9));
    assert.equal((await run).exitCode, 9);
    await new Promise(setImmediate);
    assert.equal(isStopped, true);
  });

  test("that yields what is no input kills the command", async () => {
    await using it = await open();
    const run = runCommand(it.channel, ["x"], {
      stdin: (async function* () {
        yield 5 as never;
      })(),
    });
    const [cancel] = await it.guest.seen(FrameType.CANCEL);
    it.guest.result(cancel!.id, Status.CANCELLED);
    await assert.rejects(run, /must yield strings or bytes, and yielded 5/);
  });
});

describe("detached processes", () => {
  const exited = [
    { tag: Tag.EXIT_CODE, value: 1 },
    { tag: Tag.DURATION_US, value: 5_000n },
  ] as const;
  const entry = (process: number, name: string | undefined, end: readonly Field[] = []): Buffer =>
    record([
      { tag: Tag.PROCESS, value: process },
      ...(name === undefined ? [] : [{ tag: Tag.NAME, value: name }]),
      { tag: Tag.PID, value: 100 + process },
      { tag: Tag.ARG, value: "sleep" },
      { tag: Tag.ARG, value: "5" },
      { tag: Tag.START_NS, value: 1_700_000_000_123_000_000n },
      ...end,
    ]);

  /** Answers each PROCESS_LIST with the records, cut into pieces. */
  function answerLists(guest: ScriptedGuest, records: Buffer): void {
    void (async () => {
      for (let count = 1; ; count += 1) {
        const request = (await guest.seen(FrameType.REQUEST, count)).at(-1)!;
        if (new FieldReader(request.payload).u32(Tag.METHOD) !== Method.PROCESS_LIST) continue;
        const frames = [encodeFieldsFrame(FrameType.STARTED, request.id, [])];
        for (let at = 0; at < records.length; at += 7)
          frames.push(encodeDataFrame(request.id, 1, records.subarray(at, at + 7)));
        guest.send(...frames, resultFrame(request.id, Status.OK));
      }
    })();
  }

  test("are listed in order, frozen, whichever way the records are cut", async () => {
    await using it = await open();
    answerLists(it.guest, Buffer.concat([entry(12, "b", exited), entry(3, undefined)]));
    const [first, second] = await listProcesses(it.channel);
    assert.deepEqual(first, {
      id: "3",
      name: null,
      pid: 103,
      command: ["sleep", "5"],
      startedAt: new Date(1_700_000_000_123),
      status: "running",
      exitCode: null,
      signal: null,
      durationMs: null,
      isOomKilled: false,
    });
    assert.deepEqual([second!.status, second!.exitCode, second!.durationMs], ["exited", 1, 5]);
    assert.ok(Object.isFrozen(first) && Object.isFrozen(first.command));
  });

  test("are found by name: the one that runs, else the last one", async () => {
    await using it = await open();
    answerLists(
      it.guest,
      Buffer.concat([entry(1, "a"), entry(2, "a", exited), entry(3, "b", exited), entry(4, "b", exited)]),
    );
    assert.equal((await findProcess(it.channel, "a")).id, "1");
    assert.equal((await findProcess(it.channel, "b")).id, "4");
    assert.equal((await findProcess(it.channel, "2")).name, "a");
    await assert.rejects(findProcess(it.channel, "5"), hasCode("PROCESS_NOT_FOUND"));
    await assert.rejects(signalProcess(it.channel, "c", "SIGTERM"), hasCode("PROCESS_NOT_FOUND"));
    for (const wrong of ["", "0", "a b", "99999999999", 5 as never])
      await assert.rejects(findProcess(it.channel, wrong), hasCode("INVALID_OPTION"));
  });

  test("whose record lacks what it must have break the protocol", async () => {
    await using it = await open();
    answerLists(it.guest, record([{ tag: Tag.PID, value: 1 }]));
    await assert.rejects(listProcesses(it.channel), hasCode("PROTOCOL_ERROR"));
  });

  test("tell of bytes that the guest did not keep, and are let go at the end of the scope", async () => {
    await using it = await open();
    {
      const attaching = attachProcess(it.channel, "3");
      const [request] = await it.guest.seen(FrameType.REQUEST);
      assert.equal(new FieldReader(request!.payload).u32(Tag.PROCESS), 3);
      it.guest.send(
        started(request!.id, [{ tag: Tag.PROCESS, value: 3 }]),
        encodeFieldsFrame(FrameType.SKIPPED, request!.id, [
          { tag: Tag.STREAM, value: 1 },
          { tag: Tag.SKIPPED, value: 1_000n },
        ]),
        encodeDataFrame(request!.id, 1, Buffer.from("rest")),
      );
      await using process = await attaching;
      assert.equal((await process.stdout.getReader().read()).value?.length, 4);
      assert.equal(process.droppedBytes, 1_000);
      void it.guest.seen(FrameType.CANCEL).then(() => it.guest.result(request!.id, Status.CANCELLED));
    }
    assert.equal(it.guest.frames.filter(({ type }) => type === FrameType.CONTROL).length, 0, "no signal was sent");
  });
});
