import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { SmolVMError } from "../../../src/errors/smolvm-error.ts";
import { GuestChannel } from "../../../src/guest/index.ts";
import { encodeDataFrame } from "../../../src/guest/protocol/frame-encoder.ts";
import { DEFAULT_WINDOW_BYTES, FrameType, MAX_PAYLOAD_BYTES } from "../../../src/guest/protocol/frame-types.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";
import { mutated, strayFrame } from "./fuzz-frames.ts";
import { type Hostility, playHostileGuest } from "./fuzz-guest.ts";
import { COMMAND_OPERATIONS } from "./fuzz-command-operations.ts";
import { FILE_OPERATIONS } from "./fuzz-file-operations.ts";
import type { Operation, Reported } from "./fuzz-operation.ts";
import { SOCKET_OPERATIONS } from "./fuzz-socket-operations.ts";
import { type Witnessed, witness } from "./fuzz-witness.ts";
import { exitFrame, ScriptedGuest } from "./scripted-guest.ts";
import { seededRandom } from "./seeded-random.ts";

/** Each round has a channel and a seed of its own; the same seed makes the same guest. */
const ROUNDS = 400;
/** A slow machine does fewer rounds. */
const BUDGET_MS = 4_000;
const SETTLE_MS = 5_000;
const MAX_GROWTH_BYTES = 24 * 2 ** 20;

const OPERATIONS: readonly Operation[] = [...COMMAND_OPERATIONS, ...FILE_OPERATIONS, ...SOCKET_OPERATIONS];

const HOSTILITIES: readonly Hostility[] = [
  { strayPercent: 0, mutatedPercent: 0 },
  { strayPercent: 15, mutatedPercent: 0 },
  { strayPercent: 0, mutatedPercent: 3 },
  { strayPercent: 5, mutatedPercent: 2 },
];

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

async function usedBytes(): Promise<number> {
  // The memory behind an array is given back a turn after the array.
  for (let time = 0; time < 3; time++) {
    collectGarbage();
    await nextTurn();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** What must not happen is asserted here; the runner itself fails a test whose promises reject unhandled. */
describe("a hostile guest", () => {
  test("of any kind settles every call, with an error of ours or a success that it has really sent", async (t) => {
    const deadline = performance.now() + BUDGET_MS;
    const counts = new Map(OPERATIONS.map(({ name }) => [name, { succeeded: 0, failed: 0 }]));
    const dir = temporaryDir(t);
    let before = 0;
    let seed = 1;
    for (; seed <= ROUNDS && performance.now() < deadline; seed++) {
      if (seed === 20) before = await usedBytes();
      for (const { operation, outcome } of await playRound(seed, dir)) {
        counts.get(operation.name)![outcome]++;
      }
    }
    const growthBytes = (await usedBytes()) - before;
    t.diagnostic(`${seed - 1} rounds, ${(growthBytes / 2 ** 20).toFixed(1)} MiB more memory`);
    for (const [name, { succeeded, failed }] of counts)
      t.diagnostic(`${name}: ${succeeded} succeeded, ${failed} failed`);
    assert.ok(growthBytes < MAX_GROWTH_BYTES, `${growthBytes} bytes more after ${seed - 1} rounds`);
    // Else the rounds would show nothing.
    for (const [name, { succeeded, failed }] of counts) assert.ok(succeeded > 0 && failed > 0, name);
  });

  test("that changes bytes of its WELCOME gets a channel or an error of ours", async () => {
    const random = seededRandom(7);
    for (let round = 0; round < 150; round++) {
      await using guest = await ScriptedGuest.start((it) => {
        it.send(mutated(it.welcome(), random));
        setImmediate(() => it.hangUp());
      });
      const opened = await GuestChannel.connect(guest.socketPath, { timeoutMs: SETTLE_MS }).catch(
        (error: unknown) => error,
      );
      if (opened instanceof GuestChannel) await opened.close();
      else assertOurs(opened, `round ${round}`);
    }
  });

  test("that sends 48 MB which nobody asked for, and fills every window that nobody reads, takes no more than the windows", async () => {
    const random = seededRandom(11);
    await using guest = await ScriptedGuest.start();
    await using channel = await GuestChannel.connect(guest.socketPath);
    const before = await usedBytes();
    const unread = Array.from({ length: 16 }, (_, index) => channel.exec(["unread", String(index)]));
    const ids = (await guest.seen(FrameType.REQUEST, unread.length)).map(({ id }) => id);
    for (const id of ids) {
      for (let sent = 0; sent < DEFAULT_WINDOW_BYTES; sent += 1_024)
        guest.send(encodeDataFrame(id, 1, Buffer.alloc(1_024)));
    }
    const stranger = Buffer.concat(
      Array.from({ length: 16 }, () => encodeDataFrame(9_999, 1, Buffer.alloc(MAX_PAYLOAD_BYTES))),
    );
    const strays = Buffer.concat(Array.from({ length: 200 }, () => strayFrame(random, [9_998])).filter(isHarmless));
    for (let round = 0; round < 48; round++) {
      guest.send(stranger, strays);
      while (guest.isHeldBack) await nextTurn();
    }
    const growthBytes = (await usedBytes()) - before;
    assert.ok(channel.isOpen);
    assert.ok(growthBytes < unread.length * DEFAULT_WINDOW_BYTES + MAX_GROWTH_BYTES, `${growthBytes} bytes more`);
    for (const id of ids) guest.send(exitFrame(id));
    for (const exec of unread) assert.equal((await exec.result).exitCode, 0);
  });
});

/** One channel with some operations at once, to the end of all of them. */
async function playRound(
  seed: number,
  dir: string,
): Promise<{ operation: Operation; outcome: "succeeded" | "failed" }[]> {
  const random = seededRandom(seed);
  await using guest = await ScriptedGuest.start();
  await using channel = await GuestChannel.connect(guest.socketPath);
  const chosen = Array.from({ length: 3 + random(6) }, () => OPERATIONS[random(OPERATIONS.length)]!);
  const calls = chosen.map((operation, index) => settled(operation.start(channel, index + 1, dir), seed, operation));
  const sent = await playHostileGuest(guest, random, HOSTILITIES[seed % HOSTILITIES.length]!);
  const results = await Promise.all(calls);
  const requests = guest.frames.filter(({ type }) => type === FrameType.REQUEST);
  const said = witness(requests, sent);
  return chosen.map((operation, index) => {
    const result = results[index]!;
    if ("error" in result) {
      assertOurs(result.error, `seed ${seed}, ${operation.name}`);
      return { operation, outcome: "failed" };
    }
    assertSaid(said, operation, result, `seed ${seed}, ${operation.name}`);
    return { operation, outcome: "succeeded" };
  });
}

async function settled(
  call: Promise<Reported>,
  seed: number,
  { name }: Operation,
): Promise<Reported | { error: unknown }> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new assert.AssertionError({ message: `seed ${seed}: ${name} does not end` })),
      SETTLE_MS,
    );
  });
  try {
    return await Promise.race([call, late]);
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return { error };
  } finally {
    clearTimeout(timer);
  }
}

function assertSaid(
  said: readonly Witnessed[],
  { method, isSuccess }: Operation,
  reported: Reported,
  where: string,
): void {
  const request = said.find((it) => it.method === method && it.subject === reported.subject && isSuccess(it));
  assert.ok(request !== undefined, `${where} succeeded, and the guest did not say so`);
  if (reported.output === undefined) return;
  assert.ok(Buffer.concat(request.output).equals(reported.output), `${where} brought other bytes than the guest sent`);
}

/** A client of a forwarded connection is told by a reset. */
function assertOurs(error: unknown, where: string): void {
  const isReset = error instanceof Error && "code" in error && error.code === "ECONNRESET";
  assert.ok(error instanceof SmolVMError || isReset, `${where}: ${String(error)}`);
}

/** Whether a stray frame breaks nothing: ids up to 100 may be open. */
function isHarmless(frame: Buffer): boolean {
  const [type, stream] = [frame[8], frame[9]];
  if (type === FrameType.GOAWAY || frame.readUInt32BE(4) <= 100) return false;
  return type === FrameType.CREDIT ? stream === 0 : stream !== 0 || (type !== FrameType.DATA && type !== FrameType.END);
}
