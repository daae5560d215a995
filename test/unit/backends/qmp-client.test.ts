import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, test } from "node:test";
import type { TestContext } from "node:test";
import { QmpClient, type QmpEvent } from "../../../src/backends/qemu/qmp-client.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";

const GREETING = `{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": []}}\n`;

interface Command {
  readonly execute: string;
  readonly arguments: unknown;
  readonly id: number;
}

/** A QMP server on a real socket; `script` says what it does with a command after the negotiation. */
async function serve(
  t: TestContext,
  script: (command: Command, socket: Socket) => void,
  greeting: string = GREETING,
): Promise<string> {
  const path = join(temporaryDir(t), "qmp.sock");
  const server = createServer((socket) => {
    socket.on("error", () => {
      // The client went away, as some of these tests want it.
    });
    socket.write(greeting);
    createInterface({ input: socket }).on("line", (line) => {
      const command = JSON.parse(line) as Command;
      if (command.execute === "qmp_capabilities") answer(socket, { return: {}, id: command.id });
      else script(command, socket);
    });
    t.after(() => socket.destroy());
  });
  server.listen(path);
  t.after(() => server.close());
  await once(server, "listening");
  return path;
}

function answer(socket: Socket, message: unknown): void {
  socket.write(`${JSON.stringify(message)}\n`);
}

describe("the QMP client", () => {
  test("negotiates, sends a command with its arguments, and returns the answer", async (t) => {
    const path = await serve(t, ({ execute, arguments: args, id }, socket) =>
      answer(socket, { return: { execute, args }, id }),
    );
    await using qmp = await QmpClient.connect(path);
    assert.deepEqual(await qmp.execute("query-status", { a: 1 }), { execute: "query-status", args: { a: 1 } });
  });

  test("answers are matched by id, in whatever order they come", async (t) => {
    const waiting: Command[] = [];
    const path = await serve(t, (command, socket) => {
      waiting.push(command);
      if (waiting.length === 3)
        for (const { execute, id } of waiting.toReversed()) answer(socket, { return: execute, id });
    });
    await using qmp = await QmpClient.connect(path);
    assert.deepEqual(await Promise.all(["a", "b", "c"].map((name) => qmp.execute(name))), ["a", "b", "c"]);
  });

  test("an answer in pieces, or several in one, is the same", async (t) => {
    const path = await serve(t, ({ execute, id }, socket) => {
      const text = `${JSON.stringify({ return: `${execute} ü`, id })}\n`;
      for (const byte of Buffer.from(`\n${text}`)) socket.write(Buffer.of(byte));
    });
    await using qmp = await QmpClient.connect(path);
    assert.deepEqual(await Promise.all([qmp.execute("a"), qmp.execute("b")]), ["a ü", "b ü"]);
  });

  test("events are told apart from answers", async (t) => {
    const events: QmpEvent[] = [];
    const path = await serve(t, ({ id }, socket) => {
      answer(socket, { event: "STOP", timestamp: {} });
      answer(socket, { event: "SHUTDOWN", data: { guest: true } });
      answer(socket, { return: "x", id });
    });
    await using qmp = await QmpClient.connect(path, { onEvent: (event) => events.push(event) });
    assert.equal(await qmp.execute("a"), "x");
    assert.deepEqual(events, [
      { event: "STOP", data: {} },
      { event: "SHUTDOWN", data: { guest: true } },
    ]);
  });

  test("a refusal is an error with QEMU's own words, and the session goes on", async (t) => {
    const path = await serve(t, ({ execute, id }, socket) =>
      answer(
        socket,
        execute === "no" ? { error: { class: "CommandNotFound", desc: "not found" }, id } : { return: 1, id },
      ),
    );
    await using qmp = await QmpClient.connect(path);
    await assert.rejects(qmp.execute("no"), {
      name: "HostError",
      code: "VMM_FAILED",
      message: "QEMU refused: not found",
      details: { class: "CommandNotFound" },
    });
    assert.equal(await qmp.execute("yes"), 1);
  });

  test("a hang-up rejects what is waited for, and every later command", async (t) => {
    const path = await serve(t, (_, socket) => socket.destroy());
    await using qmp = await QmpClient.connect(path);
    await assert.rejects(qmp.execute("a"), { code: "VMM_FAILED" });
    await qmp.closed;
    await assert.rejects(qmp.execute("b"), { code: "VMM_FAILED", message: /closed its control socket/ });
  });

  test("a command that is not answered ends with its deadline, and its late answer harms nobody", async (t) => {
    let late: (() => void) | undefined;
    const path = await serve(t, ({ execute, id }, socket) => {
      if (execute === "slow") late = () => answer(socket, { return: "late", id });
      else {
        late?.();
        answer(socket, { return: "fast", id });
      }
    });
    await using qmp = await QmpClient.connect(path);
    await assert.rejects(qmp.execute("slow", {}, { timeoutMs: 20 }), {
      name: "OperationTimeoutError",
      message: "QMP command slow was not answered within 20 ms",
    });
    assert.equal(await qmp.execute("fast"), "fast");
  });

  test("a signal ends the wait with its reason", async (t) => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const path = await serve(t, () => controller.abort(reason));
    await using qmp = await QmpClient.connect(path);
    await assert.rejects(qmp.execute("a", {}, { signal: controller.signal }), reason);
    await assert.rejects(qmp.execute("b", {}, { signal: controller.signal }), reason);
  });

  test("a socket that is not there is a typed error", async (t) => {
    await assert.rejects(QmpClient.connect(join(temporaryDir(t), "none")), { code: "VMM_FAILED", message: /ENOENT/ });
  });

  test("a server that does not greet is given up at the deadline", async (t) => {
    const path = await serve(t, () => {}, "");
    await assert.rejects(QmpClient.connect(path, { timeoutMs: 20 }), {
      name: "OperationTimeoutError",
      message: /greeting/,
    });
  });

  for (const [what, line] of [
    ["that is not JSON", "hello"],
    ["that is no object", "5"],
    ["that is null", "null"],
    ["that is a list", "[1]"],
    ["of 2 MiB without an end", "x".repeat(2 * 1024 * 1024)],
  ] as const) {
    test(`a line ${what} ends the session, not the program`, async (t) => {
      const path = await serve(t, (_, socket) => socket.write(`${line}${line.length > 1_000_000 ? "" : "\n"}`));
      await using qmp = await QmpClient.connect(path);
      await assert.rejects(qmp.execute("a", {}, { timeoutMs: 5_000 }), { name: "HostError", code: "VMM_FAILED" });
    });
  }

  test("an error that says nothing is an error", async (t) => {
    const path = await serve(t, ({ id }, socket) => answer(socket, { error: null, id }));
    await using qmp = await QmpClient.connect(path);
    await assert.rejects(qmp.execute("a"), { code: "VMM_FAILED", message: "QEMU refused: no reason given" });
  });

  test("an answer that nobody asked for is ignored", async (t) => {
    const path = await serve(t, ({ id }, socket) => {
      answer(socket, { return: 1, id: 999 });
      answer(socket, { return: 1 });
      answer(socket, { error: { desc: "x" }, id: 999 });
      answer(socket, {});
      answer(socket, { return: 2, id });
    });
    await using qmp = await QmpClient.connect(path);
    assert.equal(await qmp.execute("a"), 2);
  });
});
