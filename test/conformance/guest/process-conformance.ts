import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { OperationTimeoutError, SmolVMError } from "../../../src/errors/smolvm-error.ts";
import { type GuestChannel, runCommand } from "../../../src/guest/index.ts";
import { attachProcess } from "../../../src/guest/processes/attach-process.ts";
import { findProcess, listProcesses, signalProcess } from "../../../src/guest/processes/detached-processes.ts";
import { openTerminal } from "../../../src/guest/processes/terminal.ts";
import { spawnProcess } from "../../../src/guest/processes/spawn-process.ts";
import type { ChannelSubject } from "./channel-conformance.ts";

const hasCode = (code: string) => (error: unknown) => error instanceof SmolVMError && error.code === code;

/** What every guest agent must do with processes. Needs a guest with `/bin/sh` and coreutils, and root in it. */
export function processConformance(name: string, subject: ChannelSubject): void {
  const fact = (title: string, check: (channel: GuestChannel) => Promise<void>): void => {
    const skip = Object.entries(subject.skips ?? {}).find(([part]) => title.includes(part))?.[1];
    test(title, { ...(skip === undefined ? {} : { skip }), timeout: 60_000 }, async () => {
      await using channel = await subject.connect();
      await check(channel);
    });
  };

  describe(`processes through a channel to ${name}`, () => {
    fact("are talked to while they run", async (channel) => {
      await using cat = await spawnProcess(channel, ["cat"]);
      assert.ok(cat.pid > 0);
      assert.equal(cat.id, null);
      const writer = cat.stdin.getWriter();
      const lines = cat.stdout.lines();
      for (const word of ["one", "zwölf", ""]) {
        await writer.write(`${word}\n`);
        assert.deepEqual(await lines.next(), { value: word, done: false });
      }
      await writer.close();
      assert.equal((await lines.next()).done, true);
      const { exitCode, signal, isOomKilled } = await cat.exited;
      assert.deepEqual([exitCode, signal, isOomKilled], [0, null, false]);
    });

    fact("split their output into lines wherever it is cut", async (channel) => {
      const script = "printf 'a\\303'; sleep 0.1; printf '\\244b\\r'; sleep 0.1; printf '\\nc\\n\\nd'";
      await using process = await spawnProcess(channel, script);
      const lines: string[] = [];
      for await (const line of process.stdout.lines()) lines.push(line);
      assert.deepEqual(lines, ["aäb", "c", "", "d"]);
    });

    fact("that cannot be started reject with what is wrong", async (channel) => {
      await assert.rejects(spawnProcess(channel, ["no-such-command"]), hasCode("COMMAND_NOT_FOUND"));
      await assert.rejects(spawnProcess(channel, ["/etc/passwd"]), hasCode("COMMAND_NOT_EXECUTABLE"));
      await assert.rejects(spawnProcess(channel, "pwd", { cwd: "/no/such" }), hasCode("INVALID_PATH"));
      await assert.rejects(spawnProcess(channel, ["echo hello"]), (error: SmolVMError) => {
        assert.match(error.hint, /a string.*\["echo","hello"\]/);
        return true;
      });
    });

    fact("take their input from a stream, at their own pace", async (channel) => {
      let made = 0;
      const source = new ReadableStream<Uint8Array>(
        {
          pull: (controller) => {
            made += 1;
            controller.enqueue(new Uint8Array(65_536));
          },
        },
        { highWaterMark: 0 },
      );
      await using sleeper = await spawnProcess(channel, "sleep 0.3; head -c 1000000 | wc -c", { stdin: source });
      await pause(150);
      assert.ok(made < 10, `${made} pieces were read for a process that reads nothing`);
      assert.equal((await sleeper.stdout.text()).trim(), "1000000");
      assert.equal((await sleeper.exited).exitCode, 0);
      const after = made;
      await pause(50);
      assert.equal(made, after);
    });

    fact("are killed when the source of their input fails", async (channel) => {
      async function* failing(): AsyncGenerator<string> {
        yield "half";
        throw new Error("the source broke");
      }
      await assert.rejects(runCommand(channel, ["cat"], { stdin: failing() }), /the source broke/);
      await using process = await spawnProcess(channel, ["cat"], { stdin: failing() });
      await assert.rejects(process.stdout.text(), /the source broke/);
      await assert.rejects(process.exited, /the source broke/);
      await channel.ping();
    });

    fact("are held back by a reader that does not read, and others are not", async (channel) => {
      await using flood = await spawnProcess(channel, ["yes"]);
      const reader = flood.stdout.getReader();
      await reader.read();
      const before = process.memoryUsage().arrayBuffers;
      await pause(300);
      const state = await runCommand(channel, ["cat", `/proc/${flood.pid}/wchan`, `/proc/${flood.pid}/stat`]);
      assert.match(state.stdout, / S /, "the writer waits");
      assert.ok(process.memoryUsage().arrayBuffers - before < 1_000_000);
      for (let bytes = 0; bytes < 1_000_000;) bytes += (await reader.read()).value?.length ?? 0;
      await reader.cancel();
      flood.kill();
      assert.equal((await flood.exited).exitCode, 143);
    });

    fact("get the signal that is sent", async (channel) => {
      for (const [signal, exitCode] of [
        ["SIGTERM", 143],
        ["SIGKILL", 137],
        [10, 138],
      ] as const) {
        await using process = await spawnProcess(channel, ["sleep", "60"]);
        process.kill(signal);
        assert.equal((await process.exited).exitCode, exitCode);
      }
      await using process = await spawnProcess(channel, "trap 'echo caught; exit 4' INT; echo ready; read line");
      const lines = process.stdout.lines();
      await lines.next();
      process.kill("SIGINT");
      assert.equal((await lines.next()).value, "caught");
      assert.deepEqual((await process.exited).exitCode, 4);
    });

    fact("end at their deadline or with their signal, and say so in every promise", async (channel) => {
      await using late = await spawnProcess(channel, ["sleep", "60"], { timeoutMs: 100 });
      await assert.rejects(late.stdout.text(), OperationTimeoutError);
      await assert.rejects(late.exited, OperationTimeoutError);
      const controller = new AbortController();
      await using aborted = await spawnProcess(channel, ["sleep", "60"], { signal: controller.signal });
      controller.abort(new Error("enough"));
      await assert.rejects(aborted.stderr.text(), /enough/);
      await assert.rejects(aborted.exited, /enough/);
    });

    fact("are killed at the end of their scope, with their children", async (channel) => {
      let pid: number;
      {
        await using process = await spawnProcess(channel, "sleep 60 & echo $!; wait");
        pid = Number((await process.stdout.lines().next()).value);
      }
      await pause(50);
      const { exitCode } = await runCommand(channel, `kill -0 ${pid} 2>/dev/null && grep -qv ' Z ' /proc/${pid}/stat`);
      assert.notEqual(exitCode, 0);
    });

    fact("of a channel that breaks end in an error everywhere", async () => {
      const channel = await subject.connect();
      const process = await spawnProcess(channel, "printf half; sleep 60");
      const reader = process.stdout.getReader();
      await reader.read();
      const writer = process.stdin.getWriter();
      const written = assert.rejects(writer.write(new Uint8Array(1_000_000)));
      await channel.close();
      await assert.rejects(reader.read(), hasCode("CHANNEL_BROKEN"));
      await assert.rejects(process.stderr.text(), hasCode("CHANNEL_BROKEN"));
      await assert.rejects(process.exited, hasCode("CHANNEL_BROKEN"));
      await written;
      await assert.rejects(writer.closed);
      await process[Symbol.asyncDispose]();
    });

    fact("run as the user that is named, with that user's environment", async (channel) => {
      const { stdout } = await runCommand(channel, "id -u; id -g; echo $HOME $USER", { user: "nobody" });
      const [uid, , rest] = stdout.split("\n");
      assert.equal(uid, "65534");
      assert.match(rest ?? "", / nobody$/);
      assert.equal((await runCommand(channel, "id -u; id -g", { user: "1234:5678" })).stdout, "1234\n5678\n");
      assert.equal((await runCommand(channel, "id -u", { user: { uid: 1234, gid: 1 } })).stdout, "1234\n");
      await assert.rejects(runCommand(channel, "true", { user: "no-such-user" }), hasCode("UNKNOWN_USER"));
    });

    fact("with a terminal have its size, and are told of a new one", async (channel) => {
      await using terminal = await openTerminal(channel, {
        command: "trap 'stty size' WINCH; stty size; echo $TERM; until [ \"$line\" = bye ]; do read line; done",
        columns: 101,
        rows: 33,
      });
      const lines = terminal.stdout.lines();
      assert.equal((await lines.next()).value, "33 101");
      assert.equal((await lines.next()).value, "xterm-256color");
      terminal.resize({ columns: 90, rows: 20 });
      const shown: string[] = [];
      while (!shown.includes("20 90")) shown.push((await lines.next()).value ?? assert.fail(shown.join("|")));
      await terminal.write("bye\n");
      assert.equal((await terminal.exited).exitCode, 0);
    });

    fact("with a terminal get Ctrl-C from it, and open a login shell without a command", async (channel) => {
      await using terminal = await openTerminal(channel, { env: { PS1: "prompt$ ", ENV: "" } });
      await terminal.write("sleep 100; echo code $?\n");
      await pause(300);
      await terminal.write("\x03");
      await terminal.write("exit 7\n");
      const shown = await terminal.stdout.text();
      assert.match(shown, /\^C/);
      assert.equal((await terminal.exited).exitCode, 7);
    });

    fact("that are detached outlive their channel, and are found, followed and ended by another", async () => {
      let id: string;
      {
        await using channel = await subject.connect();
        const server = await spawnProcess(channel, "echo begun; echo oops >&2; read nothing; sleep 1000", {
          detached: true,
          name: "server",
        });
        id = server.id ?? assert.fail("a detached process has an id");
        await assert.rejects(
          spawnProcess(channel, ["sleep", "1"], { detached: true, name: "server" }),
          hasCode("PROCESS_NAME_IN_USE"),
        );
        await server[Symbol.asyncDispose]();
      }
      await using channel = await subject.connect();
      const info = await findProcess(channel, "server");
      assert.deepEqual(
        [info.id, info.name, info.status, info.exitCode, info.durationMs],
        [id, "server", "running", null, null],
      );
      assert.equal(info.command[0], "/bin/sh");
      assert.ok(Math.abs(info.startedAt.getTime() - Date.now()) < 30_000);
      assert.ok((await listProcesses(channel)).some((process) => process.id === id));
      const attached = await attachProcess(channel, "server");
      assert.equal(attached.id, id);
      assert.equal((await attached.stdout.lines().next()).value, "begun");
      assert.equal((await attached.stderr.lines().next()).value, "oops");
      await signalProcess(channel, id, "SIGTERM");
      assert.equal((await attached.exited).exitCode, 143);
      const after = await findProcess(channel, id);
      assert.deepEqual([after.status, after.exitCode, after.signal], ["exited", 143, "SIGTERM"]);
      await assert.rejects(findProcess(channel, "no-such-process"), hasCode("PROCESS_NOT_FOUND"));
      await assert.rejects(attachProcess(channel, "4000000000"), hasCode("PROCESS_NOT_FOUND"));
      await assert.rejects(signalProcess(channel, "4000000000", "SIGTERM"), hasCode("PROCESS_NOT_FOUND"));
    });

    fact("that are killed while nobody reads them tell how they ended", async (channel) => {
      const flood = await spawnProcess(channel, "printf begun; yes");
      const reader = flood.stdout.getReader();
      await reader.read();
      flood.kill("SIGKILL");
      const { exitCode, signal } = await flood.exited;
      assert.deepEqual([exitCode, signal], [137, "SIGKILL"]);
      await reader.cancel();
    });

    fact("that are detached wait for no reader, and their end is told to who reads nothing", async (channel) => {
      const script = "head -c 3000000 /dev/zero | tr '\\000' x; printf end";
      const unread = await spawnProcess(channel, script, { detached: true });
      assert.equal((await unread.exited).exitCode, 0);
      const kept = await unread.stdout.text();
      assert.ok(kept.endsWith("xend") && kept.length <= 524_288);
      assert.equal(kept.length + unread.droppedBytes, 3_000_003);
      const attached = await attachProcess(channel, unread.id ?? "");
      const replayed = await attached.stdout.text();
      assert.ok(replayed.endsWith("xend"));
      assert.equal(replayed.length, 262_144);
    });
  });
}
