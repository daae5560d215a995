import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { OperationTimeoutError, SmolVMError, ValidationError } from "../../../src/errors/smolvm-error.ts";
import { type GuestChannel, OutputLimitError, runCommand } from "../../../src/guest/index.ts";

/** One kind of guest that the suite runs on. */
export interface ChannelSubject {
  /** Opens a channel of its own; the suite closes it. */
  readonly connect: () => Promise<GuestChannel>;
  /** Why tests are left out, by a part of their title. Each skip is printed with its reason. */
  readonly skips?: Readonly<Record<string, string>>;
  /** Bytes of the throughput test; a guest under software emulation needs fewer. Default 20 MB. */
  readonly bulkBytes?: number;
}

const hasCode = (code: string) => (error: unknown) => error instanceof SmolVMError && error.code === code;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What every guest agent must do, whichever way its channel goes. Needs a guest with `/bin/sh` and coreutils. */
export function channelConformance(name: string, subject: ChannelSubject): void {
  const bulkBytes = subject.bulkBytes ?? 20_000_000;

  const fact = (title: string, check: (channel: GuestChannel) => Promise<void>): void => {
    const skip = Object.entries(subject.skips ?? {}).find(([part]) => title.includes(part))?.[1];
    test(title, { ...(skip === undefined ? {} : { skip }), timeout: 120_000 }, async () => {
      await using channel = await subject.connect();
      await check(channel);
    });
  };

  describe(`a channel to ${name}`, () => {
    fact("answers a ping and names its agent", async (channel) => {
      await channel.ping({ timeoutMs: 10_000 });
      assert.notEqual(channel.agentVersion, "");
      assert.equal(channel.isOpen, true);
    });

    fact("keeps stdout and stderr apart and exact", async (channel) => {
      const result = await runCommand(channel, "printf 'a\\000b\\377'; printf err >&2");
      assert.deepEqual([...result.stdoutBytes], [0x61, 0, 0x62, 0xff]);
      assert.equal(result.stderr, "err");
      assert.equal(result.output, "a\0b\ufffderr");
      assert.equal(result.ok, true);
      assert.ok(Object.isFrozen(result));
    });

    fact("tells every exit code, and the signal of a killed command", async (channel) => {
      for (const code of [0, 1, 7, 255]) assert.equal((await runCommand(channel, `exit ${code}`)).exitCode, code);
      const killed = await runCommand(channel, "kill -TERM $$");
      assert.deepEqual([killed.exitCode, killed.signal, killed.ok], [143, "SIGTERM", false]);
    });

    fact("executes a list as it is, without a shell", async (channel) => {
      const words = ["$HOME", "a b", "*", "", "'\"", "über", "\n"];
      const result = await runCommand(channel, ["printf", "<%s>", ...words]);
      assert.equal(result.stdout, words.map((word) => `<${word}>`).join(""));
    });

    fact("answers 127 for a command that does not exist and 126 for one that cannot be executed", async (channel) => {
      const missing = await runCommand(channel, ["no-such-command"]);
      assert.equal(missing.exitCode, 127);
      assert.match(
        missing.stderr,
        /^smolvm: the command "no-such-command" was not found in the guest\nsmolvm: hint: .*PATH/,
      );
      const line = await runCommand(channel, ["ls -l /"]);
      assert.equal(line.exitCode, 127);
      assert.ok(line.stderr.includes('["ls","-l","/"]'), "one word with spaces in it is likely a command line");
      assert.equal((await runCommand(channel, ["/no/such/command"])).exitCode, 127);
      assert.equal((await runCommand(channel, ["/etc/passwd"])).exitCode, 126);
      assert.equal((await runCommand(channel, "no-such-command")).exitCode, 127);
    });

    fact("refuses a working directory that does not exist, and uses one that does", async (channel) => {
      await assert.rejects(runCommand(channel, "pwd", { cwd: "/no/such/place" }), (error: unknown) => {
        return (
          error instanceof ValidationError && error.code === "INVALID_PATH" && error.message.includes("/no/such/place")
        );
      });
      assert.equal((await runCommand(channel, "pwd", { cwd: "/usr" })).stdout, "/usr\n");
    });

    fact("gives commands a complete environment, and theirs on top", async (channel) => {
      const { stdout } = await runCommand(channel, ["env"], { env: { EXTRA: "a=b\nc", HOME: "/elsewhere" } });
      for (const variable of ["PATH", "USER", "LOGNAME", "SHELL", "LANG"])
        assert.match(stdout, new RegExp(`^${variable}=.`, "m"));
      assert.match(stdout, /^EXTRA=a=b\nc$/m);
      assert.match(stdout, /^HOME=\/elsewhere$/m);
    });

    fact("gives a command its stdin to the end, and no stdin where none is given", async (channel) => {
      const input = Buffer.alloc(1_000_003, "0123456789abcdef\n");
      const echoed = await runCommand(channel, ["cat"], { stdin: input });
      assert.ok(input.equals(echoed.stdoutBytes));
      assert.equal((await runCommand(channel, ["cat"], { stdin: "" })).stdout, "");
      assert.equal((await runCommand(channel, ["cat"])).stdout, "");
      assert.equal((await runCommand(channel, ["true"], { stdin: input })).exitCode, 0);
    });

    fact("passes the sync word both ways as data", async (channel) => {
      const sync = Buffer.from("ff534d4f4c564d2d53594e43fec3a5ff", "hex");
      const input = Buffer.concat([sync, sync, Buffer.from("-"), sync]);
      const { stdoutBytes } = await runCommand(channel, ["cat"], { stdin: input });
      assert.ok(input.equals(stdoutBytes));
      assert.equal(channel.isOpen, true);
    });

    fact("brings much output exactly", async (channel) => {
      const result = await runCommand(channel, `head -c ${bulkBytes} /dev/zero | tr '\\000' x; printf end`);
      assert.equal(result.stdoutBytes.length, bulkBytes + 3);
      assert.ok(Buffer.alloc(bulkBytes, "x").equals(result.stdoutBytes.subarray(0, bulkBytes)));
      assert.ok(result.stdout.endsWith("xend"));
    });

    fact("streams output while the command runs, and input to it", async (channel) => {
      const exec = channel.exec(["cat"], { stdin: true });
      assert.ok((await exec.started).pid > 0);
      const reader = exec.stdout[Symbol.asyncIterator]();
      for (const word of ["one", "two"]) {
        await exec.stdin.write(word);
        assert.equal(Buffer.from((await reader.next()).value!).toString(), word);
      }
      await exec.stdin.end();
      assert.equal((await reader.next()).done, true);
      assert.deepEqual((await exec.result).exitCode, 0);
    });

    fact("holds a command back whose output nobody reads, and lets it go when its reader leaves", async (channel) => {
      const exec = channel.exec(["/bin/sh", "-c", "head -c 1000000 /dev/zero"], { windowBytes: 4_096 });
      let isOver = false;
      const result = exec.result.finally(() => (isOver = true));
      await pause(100);
      assert.equal(isOver, false);
      for await (const bytes of exec.stdout) {
        assert.ok(bytes.length > 0);
        break;
      }
      assert.equal((await result).exitCode, 0);
    });

    fact("signals the whole process group", async (channel) => {
      const exec = channel.exec(["/bin/sh", "-c", "sleep 60 & sleep 60"]);
      await exec.started;
      exec.signal("SIGTERM");
      assert.equal((await exec.result).signal, "SIGTERM");
    });

    fact("does not wait for what a command leaves in the background", async (channel) => {
      const start = performance.now();
      const { stdout } = await runCommand(channel, "sleep 3 & echo started");
      assert.equal(stdout, "started\n");
      assert.ok(performance.now() - start < 2_500);
    });

    fact("kills the group at the deadline and keeps what it wrote", async (channel) => {
      const call = runCommand(channel, "echo before; echo oops >&2; sleep 60 & sleep 60", { timeoutMs: 500 });
      await assert.rejects(call, (error: unknown) => {
        assert.ok(error instanceof OperationTimeoutError);
        assert.deepEqual([error.stdout, error.stderr], ["before\n", "oops\n"]);
        return true;
      });
    });

    fact("kills a command whose signal aborts, and rejects with the reason", async (channel) => {
      const controller = new AbortController();
      const reason = new Error("not needed any more");
      setTimeout(() => controller.abort(reason), 100);
      await assert.rejects(runCommand(channel, ["sleep", "60"], { signal: controller.signal }), reason);
      await channel.ping();
    });

    fact("kills a command that writes more than it may, and keeps what fits", async (channel) => {
      const call = runCommand(channel, ["yes"], { maxOutputBytes: 100_000 });
      await assert.rejects(call, (error: unknown) => {
        assert.ok(error instanceof OutputLimitError && error.code === "OUTPUT_LIMIT");
        assert.equal(error.stdout, "y\n".repeat(50_000));
        return true;
      });
      await channel.ping();
    });

    fact("hands output to callbacks beyond what is kept", async (channel) => {
      let seenBytes = 0;
      const result = await runCommand(channel, "head -c 300000 /dev/zero", {
        maxOutputBytes: 1_000,
        onStdout: (bytes) => (seenBytes += bytes.length),
      });
      assert.deepEqual([seenBytes, result.stdoutBytes.length, result.isTruncated], [300_000, 1_000, true]);
    });

    fact("runs a thousand commands at once", async (channel) => {
      const runs = Array.from({ length: 1_000 }, (_, index) => runCommand(channel, ["echo", String(index)]));
      const results = await Promise.all(runs);
      assert.ok(results.every((result, index) => result.stdout === `${index}\n`));
    });

    fact("replaces the VM's own variables by a configuration", async (channel) => {
      await channel.configure({ env: { GREETING: 'hello\nworld "quoted" ü', SECOND: "2" } });
      assert.equal((await runCommand(channel, 'printf %s "$GREETING$SECOND"')).stdout, 'hello\nworld "quoted" ü2');
      await channel.configure({ env: { THIRD: "3" } });
      assert.equal((await runCommand(channel, 'printf %s "$GREETING$SECOND$THIRD"')).stdout, "3");
    });

    fact("kills its commands when it closes", async (channel) => {
      const marker = `${Math.trunc(Math.random() * 1e9) + 1e9}`;
      const exec = channel.exec(["sleep", marker]);
      await exec.started;
      await channel.close();
      await assert.rejects(exec.result, hasCode("CHANNEL_BROKEN"));
      await using next = await subject.connect();
      const listing = "for f in /proc/[0-9]*/cmdline; do tr '\\000' ' ' < $f 2>/dev/null; echo; done; true";
      for (let tries = 0; ; tries += 1) {
        const { stdout } = await runCommand(next, listing);
        if (!stdout.includes(`sleep ${marker}`)) break;
        assert.ok(tries < 20, "the command outlives its channel");
        await pause(50);
      }
    });

    fact("gives errors after its end, and never a result", async (channel) => {
      const run = runCommand(channel, ["sleep", "60"]);
      await Promise.all([assert.rejects(run, hasCode("CHANNEL_BROKEN")), channel.close()]);
      await assert.rejects(channel.ping(), hasCode("CHANNEL_BROKEN"));
      await assert.rejects(runCommand(channel, "true"), hasCode("CHANNEL_BROKEN"));
    });
  });
}
