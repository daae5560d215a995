import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { after, before, describe, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { GuestChannel } from "../../../src/guest/index.ts";
import { listen } from "../../../src/vm/ports/listen.ts";
import { PortForward } from "../../../src/vm/ports/port-forward.ts";
import { waitForPort } from "../../../src/vm/ports/wait-for-port.ts";
import { ask, clientOf, readAll, wasReset } from "../../support/tcp-client.ts";
import { HostAgent } from "./host-agent.ts";

const BULK_BYTES = 50_000_000;
const LOOPBACK = { hostAddress: "127.0.0.1", hostPort: 0 };

/** The agent runs on this machine here, so the ports of "the guest" are real ones that these tests listen on. */
const reason = HostAgent.whyNot();
describe("sockets of the C agent on this machine", reason === undefined ? {} : { skip: reason }, () => {
  let agent: HostAgent;
  let channel: GuestChannel;
  before(async () => {
    agent = await HostAgent.start();
    channel = await GuestChannel.connect(agent.socketPath, { timeoutMs: 10_000 });
  });
  after(async () => {
    await channel.close();
    await agent[Symbol.asyncDispose]();
  });

  /** A server of "the guest" and a forward to it, for one test. */
  const forwardTo = async (
    t: TestContext,
    onConnection: (socket: Socket) => void,
    address: string = "127.0.0.1",
  ): Promise<{ forward: PortForward; server: Server }> => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => {});
      onConnection(socket);
    });
    const port = await listen(server, { hostAddress: address, hostPort: 0 });
    const forward = await PortForward.open(port, LOOPBACK, async () => channel);
    t.after(async () => {
      await forward.close();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    });
    return { forward, server };
  };

  test("carry 50 MB each way at once, exactly", async (t) => {
    const { forward } = await forwardTo(t, (socket) => socket.pipe(socket));
    const client = await clientOf(forward);
    const sent = Buffer.alloc(BULK_BYTES);
    for (let at = 0; at + 4 <= sent.length; at += 4) sent.writeUInt32BE(Math.imul(at, 2_654_435_761) >>> 0, at);
    client.end(sent);
    const hash = createHash("sha256");
    let bytes = 0;
    const started = performance.now();
    for await (const piece of client) {
      hash.update(piece as Buffer);
      bytes += (piece as Buffer).length;
    }
    t.diagnostic(`${(BULK_BYTES / 1e3 / (performance.now() - started)).toFixed(0)} MB/s each way`);
    assert.equal(bytes, BULK_BYTES);
    assert.equal(hash.digest("hex"), createHash("sha256").update(sent).digest("hex"));
  });

  test("end one direction at a time", async (t) => {
    const { forward } = await forwardTo(t, (socket) => {
      socket.write("hello");
      void readAll(socket).then((question) => socket.end(`you said ${question.toString()}`));
    });
    const client = await clientOf(forward);
    client.end("goodbye");
    assert.equal((await readAll(client)).toString(), "helloyou said goodbye");

    const { forward: other } = await forwardTo(t, (socket) => {
      socket.end("first");
      void readAll(socket).then((rest) => received.resolve(rest.toString()));
    });
    const received = Promise.withResolvers<string>();
    const talker = await clientOf(other);
    assert.equal((await readAll(talker)).toString(), "first");
    talker.end("second");
    assert.equal(await received.promise, "second");
  });

  test("reach a server that listens on ::1 alone", async (t) => {
    const started = await forwardTo(t, (socket) => socket.end("six"), "::1").catch((error: Error) => error);
    if (started instanceof Error) return t.skip(`no IPv6 here: ${started.message}`);
    assert.equal(await ask(started.forward), "six");
  });

  test("are reset where nobody listens, and the next one is answered as soon as somebody does", async (t) => {
    const { forward, server } = await forwardTo(t, (socket) => socket.end("up"));
    await new Promise((resolve) => server.close(resolve));
    await assert.rejects(ask(forward), wasReset);
    await listen(server, { hostAddress: "127.0.0.1", hostPort: forward.guestPort });
    assert.equal(await ask(forward), "up");
  });

  test("pass a reset on, whichever side it comes from", async (t) => {
    const accepted: Socket[] = [];
    const { forward } = await forwardTo(t, (socket) => void accepted.push(socket));
    const client = await clientOf(forward);
    while (accepted.length === 0) await sleep(2);
    accepted[0]?.resetAndDestroy();
    await assert.rejects(readAll(client), wasReset);

    const leaver = await clientOf(forward);
    while (accepted.length === 1) await sleep(2);
    leaver.resetAndDestroy();
    await assert.rejects(readAll(accepted[1]!), wasReset);
  });

  test("hold a server back whose client does not read, and lose nothing", async (t) => {
    let sentBytes = 0;
    const { forward } = await forwardTo(t, (socket) => {
      const block = Buffer.alloc(65_536, "x");
      const fill = (): void => {
        for (; sentBytes < BULK_BYTES;) {
          sentBytes += block.length;
          if (!socket.write(block)) return void socket.once("drain", fill);
        }
        socket.end();
      };
      fill();
    });
    const client = await clientOf(forward);
    client.pause();
    let before = -1;
    while (before !== sentBytes) {
      before = sentBytes;
      await sleep(200);
    }
    assert.ok(sentBytes < BULK_BYTES / 2, `${sentBytes} bytes are on their way`);
    assert.equal((await readAll(client)).length, sentBytes);
    client.end();
  });

  test("leave nothing behind: 1,000 one after the other, and 100 at once", async (t) => {
    const { forward, server } = await forwardTo(t, (socket) => socket.pipe(socket));
    const echo = async (text: string): Promise<void> => {
      assert.equal(await ask(forward, text), text);
    };
    await echo("warm up");
    const started = performance.now();
    for (let count = 0; count < 1_000; count++) await echo(`number ${count}`);
    t.diagnostic(`${((performance.now() - started) / 1_000).toFixed(2)} ms for a connection with an echo`);
    await Promise.all(Array.from({ length: 100 }, (_, count) => echo(`at once ${count}`)));
    await forward.close();
    await channel.ping();
    const left = await new Promise<number>((resolve, reject) =>
      server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
    );
    assert.equal(left, 0, "connections that the agent holds");
    await new Promise((resolve) => server.close(resolve));
    await sleep(10);
    assert.deepEqual(
      process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")),
      [],
    );
  });

  test("are waited for", async (t) => {
    const server = createServer();
    t.after(() => server.close());
    const port = await listen(server, LOOPBACK);
    await waitForPort(async () => channel, port, { timeoutMs: 5_000 });
    await new Promise((resolve) => server.close(resolve));
    await assert.rejects(
      waitForPort(async () => channel, port, { timeoutMs: 150 }),
      { name: "OperationTimeoutError" },
    );
    const waiting = waitForPort(async () => channel, port, { timeoutMs: 20_000 });
    await sleep(300);
    await listen(server, { hostAddress: "0.0.0.0", hostPort: port });
    const started = performance.now();
    await waiting;
    assert.ok(performance.now() - started < 2_000);
  });
});
